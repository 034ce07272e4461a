use super::*;
use crate::config::site::{Routes, Selector};
use crate::secret::Secret;
use std::rc::Rc;

const LIFETIME: Duration = Duration::from_secs(100);

/// What an entry of these tests costs: its names are short.
const COST: usize = ENTRY_BYTES + 32;

fn cache(bytes: usize) -> Cache {
    Cache::new(&CacheSettings { bytes, lifetime: LIFETIME }, &[7; 32])
}

fn credentials(login: &str, password: &str) -> Credentials {
    Credentials {
        login: login.into(),
        sent_login: None,
        password: Secret::copy_of(password.as_bytes()),
        service: b"smtp".to_vec(),
        realm: b"example.org".to_vec(),
        client: None,
    }
}

fn remember(cache: &mut Cache, login: &str, password: &str, now: Instant) {
    let fingerprint = cache.fingerprint(&credentials(login, password), RouteId::DEFAULT);
    let names = CachedNames::new(login.as_bytes(), b"example.org", b"smtp");
    cache.remember(fingerprint, names, now);
}

fn knows(cache: &mut Cache, login: &str, password: &str, now: Instant) -> bool {
    let fingerprint = cache.fingerprint(&credentials(login, password), RouteId::DEFAULT);
    cache.lookup(&fingerprint, now)
}

#[test]
fn only_the_password_that_was_accepted_is_known() {
    let now = Instant::now();
    let mut cache = cache(10 * COST);
    remember(&mut cache, "anna", "secret", now);
    assert!(knows(&mut cache, "anna", "secret", now));
    assert!(!knows(&mut cache, "anna", "Secret", now));
    assert!(!knows(&mut cache, "bert", "secret", now));
}

#[test]
fn an_entry_ends_with_its_lifetime_and_using_it_does_not_prolong_it() {
    let now = Instant::now();
    let mut cache = cache(10 * COST);
    remember(&mut cache, "anna", "secret", now);
    assert!(knows(&mut cache, "anna", "secret", now + LIFETIME - Duration::from_nanos(1)));
    assert!(!knows(&mut cache, "anna", "secret", now + LIFETIME));
}

#[test]
fn another_accepted_password_replaces_the_first() {
    let now = Instant::now();
    let mut cache = cache(10 * COST);
    remember(&mut cache, "anna", "old", now);
    remember(&mut cache, "anna", "new", now);
    assert!(!knows(&mut cache, "anna", "old", now));
    assert!(knows(&mut cache, "anna", "new", now));
    assert_eq!(cache.len(), 1);
}

#[test]
fn the_least_recently_used_entry_makes_room() {
    let now = Instant::now();
    let mut cache = cache(3 * COST);
    for login in ["anna", "bert", "cora"] {
        remember(&mut cache, login, "secret", now);
    }
    assert!(knows(&mut cache, "anna", "secret", now));
    remember(&mut cache, "dora", "secret", now);
    assert!(!knows(&mut cache, "bert", "secret", now));
    for login in ["anna", "cora", "dora"] {
        assert!(knows(&mut cache, login, "secret", now), "{login}");
    }
}

#[test]
fn the_cache_never_holds_more_names_than_fit() {
    let now = Instant::now();
    let mut cache = cache(100 * COST);
    for number in 0..1000 {
        remember(&mut cache, &format!("user{number}"), "secret", now);
        assert!(cache.len() <= 100 && cache.entries.capacity() <= 100);
    }
    for number in 900..1000 {
        assert!(knows(&mut cache, &format!("user{number}"), "secret", now), "{number}");
    }
}

#[test]
fn every_part_of_the_name_counts_and_none_runs_into_the_next() {
    let cache = cache(10 * COST);
    let plain = cache.fingerprint(&credentials("anna", "secret"), RouteId::DEFAULT);
    let mut variants = Vec::new();
    let mut routes = Routes::default();
    routes.special.push((Selector::default(), Rc::default()));
    let (route, _) = routes.find("mux", &credentials("anna", "secret"));
    for change in 0..8 {
        let mut other = credentials("anna", "secret");
        match change {
            0 => other.login = b"annae".to_vec(),
            1 => other.realm = b"xample.org".to_vec(),
            2 => other.service = b"imap".to_vec(),
            3 => other.client = Some("192.0.2.7".parse().unwrap()),
            4 => other.client = Some("192.0.2.8".parse().unwrap()),
            5 => {}
            6 => other.client = Some("192.0.2.9".parse().unwrap()),
            _ => (other.login, other.realm) = (b"annaexample.org".to_vec(), Vec::new()),
        }
        let route = if change == 5 || change == 6 { route } else { RouteId::DEFAULT };
        variants.push(cache.fingerprint(&other, route));
    }
    for (index, variant) in variants.iter().enumerate() {
        assert!(variant.name != plain.name, "{index}");
        assert!(variants.iter().filter(|other| other.name == variant.name).count() == 1);
    }
}

#[test]
fn names_longer_than_the_c_daemons_sixty_bytes_are_cached() {
    let now = Instant::now();
    let mut cache = cache(10 * COST);
    let login = "a".repeat(1000);
    remember(&mut cache, &login, "secret", now);
    assert!(knows(&mut cache, &login, "secret", now));
}

/// A directory may have another section for each.
#[test]
fn logins_of_which_a_format_makes_the_same_one_share_an_acceptance_within_a_realm_only() {
    let cache = cache(10 * COST);
    let sent = |login: &str, realm: &str| {
        let sent_login = Some(login.as_bytes().to_vec());
        let realm = realm.as_bytes().to_vec();
        let credentials = Credentials { sent_login, realm, ..credentials("anna", "secret") };
        cache.fingerprint(&credentials, RouteId::DEFAULT)
    };
    assert!(sent("anna@a.org", "") == sent("ANNA@A.org", ""));
    assert!(sent("anna@a.org", "") != sent("anna@b.org", ""));
    assert!(sent("anna@a.org", "") != sent("anna", ""));
    assert!(sent("anna@a.org", "c.org") == sent("anna@b.org", "c.org"), "the client's realm is it");
}

#[test]
fn another_key_makes_another_fingerprint() {
    let settings = CacheSettings { bytes: 1024, lifetime: LIFETIME };
    let request = credentials("anna", "secret");
    let one = Cache::new(&settings, &[1; 32]).fingerprint(&request, RouteId::DEFAULT);
    let two = Cache::new(&settings, &[2; 32]).fingerprint(&request, RouteId::DEFAULT);
    assert!(one != two);
}

#[test]
fn an_entry_costs_less_than_it_is_charged() {
    // One byte of control and a load of 7/16 at the least, as after the table has just grown.
    let in_table = (size_of::<(Name, u32)>() + 1) * 16 / 7;
    assert!(size_of::<Entry>() + in_table <= ENTRY_BYTES, "{} + {in_table}", size_of::<Entry>());
}
