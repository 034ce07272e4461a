#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::secret::Secret;
use std::mem::size_of;

const SECOND: Duration = Duration::from_secs(1);

/// Penalties and a clock that the tests turn.
struct Scene {
    penalties: Penalties,
    now: Instant,
}

fn settings() -> GuessingSettings {
    GuessingSettings {
        penalty: true,
        trusted_networks: "127.0.0.0/8,10.0.0.0/8,2001:db8::/32".parse().unwrap(),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

impl Scene {
    fn new() -> Self {
        Self { penalties: Penalties::new(&settings(), &[7; KEY_LENGTH]).unwrap(), now: Instant::now() }
    }

    /// How long the refusal is held back, and whether the log is told of many.
    fn fail(&mut self, client: &str, login: &str, password: &str) -> (u64, bool) {
        let credentials = Credentials {
            login: login.into(),
            sent_login: None,
            password: Secret::copy_of(password.as_bytes()),
            service: b"smtp".to_vec(),
            realm: Vec::new(),
            client: address(client),
            connection: None,
        };
        let attempt = self.penalties.attempt(&credentials);
        let names = (login.as_bytes(), &b""[..]);
        let is_told = self.penalties.note_failure(credentials.client, attempt, names, self.now);
        (self.owed(client, login).delay().as_secs(), is_told)
    }

    fn succeed(&mut self, client: &str, login: &str) {
        self.penalties.note_success(address(client), login.as_bytes(), b"", self.now);
    }

    fn owed(&self, client: &str, login: &str) -> Owed {
        self.penalties.owed(address(client), login.as_bytes(), b"", self.now)
    }

    /// What the next refusal would be held back for the address.
    fn seconds(&self, client: &str) -> u64 {
        self.owed(client, "nobody").by_address.as_secs()
    }

    fn climb(&mut self, client: &str, login: &str) {
        for number in 0..4 {
            self.fail(client, login, &format!("guess {number}"));
        }
        assert_eq!(self.seconds(client), 15);
    }
}

#[test]
fn one_wrong_password_after_the_other_takes_longer_up_to_fifteen_seconds() {
    let mut scene = Scene::new();
    let delays = (0..7).map(|number| scene.fail("192.0.2.7", "anna", &number.to_string()).0);
    assert_eq!(delays.collect::<Vec<_>>(), [2, 4, 8, 15, 15, 15, 15]);
    assert_eq!(scene.seconds("192.0.2.8"), 0, "the neighbour has nothing to do with it");
}

#[test]
fn many_logins_from_one_address_take_as_long_as_one() {
    let mut scene = Scene::new();
    let delays = ["anna", "bert", "cora", "dora"].map(|login| scene.fail("192.0.2.7", login, "summer").0);
    assert_eq!(delays, [2, 4, 8, 15]);
}

#[test]
fn the_same_wrong_password_again_climbs_no_step() {
    let mut scene = Scene::new();
    let delays = (0..20).map(|_| scene.fail("192.0.2.7", "phone", "old").0);
    assert!(delays.into_iter().all(|delay| delay == 2));
    scene.climb("192.0.2.9", "anna");
    scene.now += 15 * SECOND + 15 * SECOND;
    assert_eq!(scene.seconds("192.0.2.9"), 8);
    scene.fail("192.0.2.9", "anna", "guess 2");
    assert_eq!(scene.seconds("192.0.2.9"), 8, "nor is quiet over by it");
}

#[test]
fn the_last_ten_are_known_and_the_one_before_counts_again() {
    let mut scene = Scene::new();
    let guess = |scene: &mut Scene, number| scene.fail("192.0.2.7", "anna", &format!("{number}"));
    (0..10).for_each(|number| _ = guess(&mut scene, number));
    let left = |scene: &Scene| scene.penalties.addresses_now(scene.now).next().unwrap().left;
    scene.now += SECOND;
    let before = left(&scene);
    guess(&mut scene, 0);
    assert_eq!(left(&scene), before);
    guess(&mut scene, 10);
    scene.now += SECOND;
    let before = left(&scene);
    guess(&mut scene, 0);
    assert!(left(&scene) > before, "it was forgotten, and counts");
}

#[test]
fn quiet_takes_back_a_step_after_fifteen_seconds_and_all_after_twenty_nine() {
    let mut scene = Scene::new();
    scene.climb("192.0.2.7", "anna");
    // The refusal of the last is out after fifteen seconds.
    scene.now += 15 * SECOND;
    let start = scene.now;
    for (quiet, expected) in
        [(0, 15), (14, 15), (15, 8), (22, 8), (23, 4), (26, 4), (27, 2), (28, 2), (29, 0), (3600, 0)]
    {
        scene.now = start + quiet * SECOND;
        assert_eq!(scene.seconds("192.0.2.7"), expected, "after {quiet} s");
        assert_eq!(scene.penalties.addresses_now(scene.now).count(), usize::from(expected > 0));
    }
    assert_eq!(scene.fail("192.0.2.7", "anna", "guess 0").0, 2, "as if nothing had been");
}

#[test]
fn who_waits_for_each_answer_and_guesses_on_stays_where_he_is() {
    let mut scene = Scene::new();
    for number in 0..20 {
        let (delay, _) = scene.fail("192.0.2.7", "anna", &format!("{number}"));
        assert_eq!(delay, [2, 4, 8, 15][number.min(3)]);
        scene.now += Duration::from_secs(delay);
        assert_eq!(scene.seconds("192.0.2.7"), delay, "waiting for his answer is no quiet");
    }
    scene.now += 14 * SECOND;
    assert_eq!(scene.seconds("192.0.2.7"), 15);
}

#[test]
fn slips_are_forgiven_by_the_right_password() {
    let mut scene = Scene::new();
    scene.fail("192.0.2.7", "anna", "slip");
    scene.fail("192.0.2.7", "anna", "slipp");
    scene.succeed("192.0.2.7", "Anna");
    assert_eq!(scene.seconds("192.0.2.7"), 0);
    assert_eq!(scene.fail("192.0.2.7", "anna", "slip").0, 2);
}

#[test]
fn an_account_of_his_own_forgives_no_guesser() {
    let mut scene = Scene::new();
    scene.climb("192.0.2.7", "anna");
    scene.succeed("192.0.2.7", "guesser");
    assert_eq!(scene.seconds("192.0.2.7"), 15);
    // Not even if he guesses wrongly at his own first.
    scene.fail("192.0.2.7", "guesser", "x");
    scene.succeed("192.0.2.7", "guesser");
    assert_eq!(scene.seconds("192.0.2.7"), 15);
    // Nor if he pushes the others out of what is remembered.
    (0..20).for_each(|number| _ = scene.fail("192.0.2.7", "guesser", &format!("{number}")));
    scene.succeed("192.0.2.7", "guesser");
    assert_eq!(scene.seconds("192.0.2.7"), 15);
}

#[test]
fn a_slip_behind_the_address_of_a_guesser_is_taken_back_alone() {
    let mut scene = Scene::new();
    scene.fail("192.0.2.7", "anna", "guess");
    scene.fail("192.0.2.7", "bert", "slip");
    scene.fail("192.0.2.7", "bert", "slipp");
    scene.succeed("192.0.2.7", "bert");
    assert_eq!(scene.seconds("192.0.2.7"), 2);
    // What quiet has taken back stays so.
    scene.now += 2 * SECOND + 8 * SECOND + 23 * SECOND;
    assert_eq!(scene.seconds("192.0.2.7"), 0);
}

#[test]
fn trusted_networks_and_who_has_no_address_climb_no_step() {
    let mut scene = Scene::new();
    for client in ["127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", ""] {
        (0..5).for_each(|number| _ = scene.fail(client, &format!("anna{client}"), &format!("{number}")));
        assert_eq!(scene.seconds(client), 0, "{client}");
    }
    assert_eq!(scene.penalties.addresses_now(scene.now).count(), 0);
}

#[test]
fn a_subnet_of_ipv6_is_one_address_and_ipv4_in_ipv6_is_ipv4() {
    let mut scene = Scene::new();
    scene.fail("2001:dead:0:1::1", "anna", "a");
    assert_eq!(scene.fail("2001:dead:0:1:ffff::2", "anna", "b").0, 4);
    assert_eq!(scene.seconds("2001:dead:0:2::1"), 0);
    scene.fail("::ffff:192.0.2.7", "anna", "c");
    assert_eq!(scene.seconds("192.0.2.7"), 2);
    assert_eq!(scene.seconds("::ffff:192.0.2.8"), 0);
}

#[test]
fn ten_different_wrong_passwords_within_a_minute_slow_a_login_down_from_everywhere() {
    let mut scene = Scene::new();
    let guess = |scene: &mut Scene, number: u32| {
        let client = if number % 2 == 0 { String::new() } else { format!("192.0.2.{number}") };
        scene.fail(&client, "anna", &format!("{number}"))
    };
    let first: Vec<_> = (0..9).map(|number| guess(&mut scene, number)).collect();
    assert!(first.iter().all(|(delay, is_told)| *delay <= 2 && !is_told), "{first:?}");
    scene.now += 59 * SECOND;
    assert_eq!(guess(&mut scene, 9), (4, true));
    assert_eq!(scene.owed("", "ANNA").by_login, 4 * SECOND);
    assert_eq!(scene.owed("10.0.0.1", "anna").by_login, 4 * SECOND, "also from a trusted network");
    assert_eq!(scene.owed("", "bert"), Owed::default());
    assert_eq!(scene.penalties.logins_now(scene.now).next().unwrap().name, b"anna");
    scene.now += SECOND;
    assert_eq!(scene.owed("", "anna"), Owed::default(), "the first is a minute ago");
}

#[test]
fn the_same_wrong_password_from_everywhere_is_one() {
    let mut scene = Scene::new();
    for number in 0..30 {
        let (delay, is_told) = scene.fail(&format!("192.0.2.{number}"), "anna", "old");
        assert_eq!((delay, is_told), (2, false));
    }
}

#[test]
fn the_log_is_told_once_an_hour_of_a_login() {
    let mut scene = Scene::new();
    let mut told = Vec::new();
    for number in 0..7200_u64 {
        let (_, is_told) = scene.fail("", "anna", &format!("{number}"));
        told.extend(is_told.then_some(number));
        scene.now += SECOND;
    }
    assert_eq!(told, [9, 3609]);
}

#[test]
fn no_success_takes_the_penalty_of_a_login_back() {
    let mut scene = Scene::new();
    (0..10).for_each(|number| _ = scene.fail("", "anna", &number.to_string()));
    scene.succeed("192.0.2.7", "anna");
    assert_eq!(scene.owed("", "anna").by_login, 4 * SECOND);
}

#[test]
fn whoever_is_cleared_by_hand_starts_again() {
    let mut scene = Scene::new();
    let now = scene.now;
    scene.climb("192.0.2.7", "anna");
    scene.climb("2001:dead::1", "bert");
    (0..10).for_each(|number| _ = scene.fail("", "dora@example.org", &number.to_string()));
    assert!(!scene.penalties.clear_address("192.0.2.8".parse().unwrap(), now));
    assert!(scene.penalties.clear_address("2001:dead::2".parse().unwrap(), now), "the same subnet");
    assert_eq!((scene.seconds("2001:dead::1"), scene.seconds("192.0.2.7")), (0, 15));
    assert!(!scene.penalties.clear_login(b"anna", now), "it has none");
    assert!(scene.penalties.clear_login(b"Dora@Example.org", now));
    (0..10).for_each(|number| _ = scene.fail("", "emil", &number.to_string()));
    assert_eq!(scene.owed("", "dora@example.org"), Owed::default());
    assert_eq!(scene.penalties.clear(now), 2);
    assert_eq!(scene.seconds("192.0.2.7"), 0);
    assert_eq!(scene.owed("", "emil"), Owed::default());
}

#[test]
fn without_penalties_there_are_none() {
    assert!(Penalties::new(&GuessingSettings { penalty: false, ..settings() }, &[7; KEY_LENGTH]).is_none());
}

#[test]
fn a_full_table_takes_no_more_than_is_said() {
    let node = |entry: usize, key: usize| (entry + size_of::<u64>() + key) as f64 * bounded::OVERHEAD;
    let addresses = node(size_of::<(IpAddr, (u64, Address))>(), size_of::<IpAddr>());
    let logins = node(size_of::<(Account, (u64, Login))>(), size_of::<Account>());
    assert!(addresses * (MOST_ADDRESSES as f64) < 4.5e6, "{addresses} bytes each");
    assert!(logins * (MOST_LOGINS as f64) < 4.5e6, "{logins} bytes each");
}

#[test]
fn a_flood_of_addresses_and_logins_finds_a_bound_and_keeps_the_last() {
    let mut scene = Scene::new();
    for number in 0..20_000_u32 {
        let client = IpAddr::from(std::net::Ipv4Addr::from_bits(0xC000_0000 + number)).to_string();
        scene.fail(&client, &format!("user{number}"), "guess");
    }
    assert_eq!(scene.penalties.addresses_now(scene.now).count(), MOST_ADDRESSES);
    assert_eq!(scene.penalties.logins.len(), MOST_LOGINS);
    let last = IpAddr::from(std::net::Ipv4Addr::from_bits(0xC000_0000 + 19_999));
    assert_eq!(scene.penalties.addresses_now(scene.now).next().unwrap().address, last);
}

#[test]
fn the_next_frontend_goes_on_where_this_one_was() {
    let mut scene = Scene::new();
    scene.climb("192.0.2.7", "anna");
    scene.climb("2001:dead::1", "bert");
    (0..10).for_each(|number| _ = scene.fail("", "dora", &number.to_string()));
    scene.now += 20 * SECOND;
    let mut next = Penalties::new(&settings(), &[8; KEY_LENGTH]).unwrap();
    for handed in scene.penalties.hand_over(scene.now) {
        let bytes = handed.encode();
        next.take_over(crate::ipc::HandedPenalties::decode(bytes.as_bytes()).unwrap(), scene.now);
    }
    let listed = |penalties: &Penalties, now| {
        let addresses: Vec<_> = penalties.addresses_now(now).collect();
        (
            addresses,
            penalties.logins_now(now).map(|login| (login.name.to_vec(), login.left)).collect::<Vec<_>>(),
        )
    };
    for later in [0, 10, 20, 24, 60] {
        let now = scene.now + later * SECOND;
        assert_eq!(listed(&next, now), listed(&scene.penalties, now), "after {later} s");
    }
    scene.penalties = next;
    scene.fail("192.0.2.7", "anna", "guess 3");
    assert_eq!(scene.seconds("192.0.2.7"), 15, "the same wrong password is known there");
    assert!(!scene.fail("", "dora", "another").1, "the log was told within this hour");
    scene.fail("192.0.2.7", "anna", "guess 4");
    assert_eq!(scene.seconds("192.0.2.7"), 15);
}

#[test]
fn a_name_is_kept_as_far_as_it_is_shown() {
    let mut scene = Scene::new();
    let long = "x".repeat(1000);
    (0..10).for_each(|number| _ = scene.fail("", &long, &number.to_string()));
    assert_eq!(scene.penalties.logins_now(scene.now).next().unwrap().name, &long.as_bytes()[..255]);
}

#[test]
fn the_next_frontend_knows_a_wrong_password_that_was_tried_before() {
    let mut scene = Scene::new();
    scene.fail("192.0.2.7", "anna", "old");
    let mut next = Penalties::new(&settings(), &[8; KEY_LENGTH]).unwrap();
    scene.penalties.hand_over(scene.now).into_iter().for_each(|handed| next.take_over(handed, scene.now));
    scene.penalties = next;
    assert_eq!(scene.fail("192.0.2.7", "anna", "old"), (2, false));
}

#[test]
fn what_is_handed_over_takes_back_nothing_of_what_has_happened_meanwhile() {
    let mut before = Scene::new();
    before.fail("192.0.2.7", "anna", "guess");
    let mut scene = Scene::new();
    scene.climb("192.0.2.7", "bert");
    (0..9).for_each(|number| _ = scene.fail("", "anna", &number.to_string()));
    for handed in before.penalties.hand_over(before.now) {
        scene.penalties.take_over(handed, scene.now);
    }
    assert_eq!(scene.seconds("192.0.2.7"), 15);
    assert_eq!(scene.fail("", "anna", "the tenth"), (4, true));
}

#[test]
fn a_large_table_is_handed_over_in_messages_and_whole() {
    let mut scene = Scene::new();
    for number in 0..500_u32 {
        let client = IpAddr::from(std::net::Ipv4Addr::from_bits(0xC000_0000 + number)).to_string();
        scene.fail(&client, &format!("user{number}"), "guess");
    }
    let messages = scene.penalties.hand_over(scene.now);
    assert!(messages.len() > 30, "{}", messages.len());
    let mut next = Penalties::new(&settings(), &[8; KEY_LENGTH]).unwrap();
    messages.into_iter().for_each(|handed| next.take_over(handed, scene.now));
    assert!(next.addresses_now(scene.now).eq(scene.penalties.addresses_now(scene.now)), "in their order");
    assert_eq!(next.logins.len(), 500);
}

#[test]
fn what_no_frontend_can_have_said_is_passed_over() {
    let scene = Scene::new();
    let good = crate::ipc::HandedAddress {
        address: "192.0.2.7".parse().unwrap(),
        step: 4,
        left: address::LONGEST_MEMORY,
        has_lost_some: false,
        failures: vec![(1, 2)],
    };
    let steps = |handed: crate::ipc::HandedAddress| {
        let mut next = Penalties::new(&settings(), &[7; KEY_LENGTH]).unwrap();
        let key = Secret::copy_of(&[7; KEY_LENGTH]);
        let handed = crate::ipc::HandedPenalties { key, addresses: vec![handed], logins: Vec::new() };
        next.take_over(handed, scene.now);
        next.addresses_now(scene.now).map(|address| address.step).collect::<Vec<_>>()
    };
    let with = |change: fn(&mut crate::ipc::HandedAddress)| {
        let mut handed = good.clone();
        change(&mut handed);
        steps(handed)
    };
    assert_eq!(steps(good.clone()), [4]);
    assert_eq!(with(|handed| handed.step = 5), []);
    assert_eq!(with(|handed| handed.step = 0), []);
    assert_eq!(with(|handed| handed.left += SECOND), []);
    assert_eq!(with(|handed| handed.left = Duration::MAX), []);
    assert_eq!(with(|handed| handed.address = "2001:dead::1".parse().unwrap()), [], "no subnet");
    assert_eq!(with(|handed| handed.address = "10.0.0.1".parse().unwrap()), [], "trusted here");
    let ages = |age| {
        let mut next = Penalties::new(&settings(), &[7; KEY_LENGTH]).unwrap();
        let login = crate::ipc::HandedLogin { account: 1, name: None, told: None, failures: vec![(1, age)] };
        let key = Secret::copy_of(&[7; KEY_LENGTH]);
        next.take_over(
            crate::ipc::HandedPenalties { key, addresses: Vec::new(), logins: vec![login] },
            scene.now,
        );
        next.logins.len()
    };
    assert_eq!([SECOND, 60 * SECOND, Duration::from_micros(u64::MAX)].map(ages), [1, 0, 0]);
}
