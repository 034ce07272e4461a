//! Penalties beside a plain account of what has happened, kept without any bound.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test penalty` replays it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::secret::Secret;
use crate::simulation::{Random, of_all_seeds};

/// What happens, and to whom.
#[derive(Clone, Copy)]
struct Event {
    at: Instant,
    client: IpAddr,
    login: u64,
    /// The right one is 0.
    password: u64,
}

fn settings() -> GuessingSettings {
    GuessingSettings { penalty: true, trusted_networks: "192.0.2.0/32".parse().unwrap() }
}

fn penalties() -> Penalties {
    Penalties::new(&settings(), &[7; KEY_LENGTH]).unwrap()
}

fn events(random: &mut Random, start: Instant) -> Vec<Event> {
    let mut at = start;
    let next = |_| {
        // Often at the same moment, often while a refusal is held back, now and then after long quiet.
        let longest = random.pick(&[1, 3000, 20_000, 40_000]).unwrap();
        at += random.milliseconds(longest);
        Event {
            at,
            client: IpAddr::from([192, 0, 2, u8::try_from(random.below(4)).unwrap()]),
            login: random.below(3),
            password: random.below(30),
        }
    };
    (0..120).map(next).collect()
}

/// Does it and tells what a refusal at that moment is owed.
fn carry_out(penalties: &mut Penalties, event: &Event) -> Owed {
    let login = event.login.to_string().into_bytes();
    let password = event.password.to_string();
    let credentials = Credentials {
        login: login.clone(),
        sent_login: None,
        password: Secret::copy_of(password.as_bytes()),
        service: Vec::new(),
        realm: Vec::new(),
        client: Some(event.client),
        connection: None,
    };
    if event.password == 0 {
        penalties.note_success(credentials.client, &login, b"", event.at);
    } else {
        let attempt = penalties.attempt(&credentials);
        penalties.note_failure(credentials.client, attempt, (&login, b""), event.at);
    }
    penalties.owed(credentials.client, &login, b"", event.at)
}

#[test]
fn nothing_that_one_address_does_changes_what_another_is_owed() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let events = events(&mut random, Instant::now());
        let (mut all, mut alone) = (penalties(), penalties());
        let client = events[0].client;
        for event in &events {
            let owed = carry_out(&mut all, event);
            if event.client == client {
                assert_eq!(owed.by_address, carry_out(&mut alone, event).by_address);
            }
        }
    });
}

#[test]
fn what_is_owed_has_its_reasons_and_its_bounds() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let mut penalties = penalties();
        let mut past: Vec<Event> = Vec::new();
        for event in events(&mut random, Instant::now()) {
            let owed = carry_out(&mut penalties, &event);
            past.push(event);
            let wrong = |other: &&Event| other.password != 0;
            // By address: never more than its own different wrong passwords of late are worth.
            let age = |other: &Event| event.at - other.at;
            let mut of_address: Vec<_> = past
                .iter()
                .filter(wrong)
                .filter(|other| other.client == event.client && age(other) < 5 * address::LONGEST_MEMORY)
                .map(|other| (other.login, other.password))
                .collect();
            of_address.sort_unstable();
            of_address.dedup();
            let most = [0, 2, 4, 8, 15][of_address.len().min(4)];
            assert!(owed.by_address <= Duration::from_secs(most), "{owed:?} for {of_address:?}");
            let is_trusted = event.client == IpAddr::from([192, 0, 2, 0]);
            assert!(!is_trusted || owed.by_address.is_zero());
            // A wrong password that has just come is owed something.
            assert!(event.password == 0 || is_trusted || owed.by_address >= Duration::from_secs(2));
            // By login: exactly when there were ten different ones within a minute.
            let mut of_login: Vec<_> =
                past.iter().filter(wrong).filter(|other| other.login == event.login).collect();
            of_login.retain(|other| age(other) < WITHIN);
            let mut passwords: Vec<_> = of_login.iter().map(|other| other.password).collect();
            passwords.sort_unstable();
            passwords.dedup();
            assert!(owed.by_login.is_zero() || passwords.len() >= MANY, "{passwords:?}");
            assert!(penalties.addresses.len() <= 3 && penalties.logins.len() <= 3);
            past.retain(|other| age(other) < 5 * address::LONGEST_MEMORY);
        }
    });
}

#[test]
fn a_reload_changes_nothing_of_what_is_owed() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let events = events(&mut random, Instant::now());
        let (mut one, mut reloaded) = (penalties(), penalties());
        for event in &events {
            if random.one_in(10) {
                let mut next =
                    Penalties::new(&settings(), &[u8::try_from(seed % 250).unwrap(); KEY_LENGTH]).unwrap();
                reloaded.hand_over(event.at).into_iter().for_each(|handed| next.take_over(handed, event.at));
                reloaded = next;
            }
            assert_eq!(carry_out(&mut one, event), carry_out(&mut reloaded, event));
        }
    });
}
