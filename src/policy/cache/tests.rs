use super::*;
use crate::config::site::{Routes, Selector};
use crate::credentials::Credentials;
use crate::policy::route::RouteId;
use crate::simulation::{Random, of_all_seeds};
use std::rc::Rc;

const LIFETIME: Duration = Duration::from_secs(100);
const STALE: Duration = Duration::from_secs(50);

/// What an entry of these tests costs: its names are short.
const COST: usize = ENTRY_BYTES + 32;

fn cache(bytes: usize) -> Cache {
    Cache::new(&CacheSettings { bytes, lifetime: LIFETIME, stale: STALE })
}

fn fingerprints() -> Fingerprints {
    Fingerprints::new(&[7; 32])
}

fn credentials(login: &str, password: &str) -> Credentials {
    Credentials { realm: b"example.org".to_vec(), ..Credentials::of_login(login, password) }
}

fn remember(cache: &mut Cache, login: &str, password: &str, now: Instant) {
    let fingerprint = fingerprints().of(&credentials(login, password), RouteId::DEFAULT);
    let names = CachedNames::new(login.as_bytes(), b"example.org", b"smtp");
    cache.remember(fingerprint, names, now);
}

fn knows(cache: &mut Cache, login: &str, password: &str, now: Instant) -> bool {
    let fingerprint = fingerprints().of(&credentials(login, password), RouteId::DEFAULT);
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
    let plain = fingerprints().of(&credentials("anna", "secret"), RouteId::DEFAULT);
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
        variants.push(fingerprints().of(&other, route));
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
    let sent = |login: &str, realm: &str| {
        let sent_login = Some(login.as_bytes().to_vec());
        let realm = realm.as_bytes().to_vec();
        let credentials = Credentials { sent_login, realm, ..credentials("anna", "secret") };
        fingerprints().of(&credentials, RouteId::DEFAULT)
    };
    assert!(sent("anna@a.org", "") == sent("ANNA@A.org", ""));
    assert!(sent("anna@a.org", "") != sent("anna@b.org", ""));
    assert!(sent("anna@a.org", "") != sent("anna", ""));
    assert!(sent("anna@a.org", "c.org") == sent("anna@b.org", "c.org"), "the client's realm is it");
}

#[test]
fn another_key_makes_another_fingerprint() {
    let request = credentials("anna", "secret");
    let one = Fingerprints::new(&[1; 32]).of(&request, RouteId::DEFAULT);
    let two = Fingerprints::new(&[2; 32]).of(&request, RouteId::DEFAULT);
    assert!(one != two);
}

#[test]
fn an_entry_costs_less_than_it_is_charged() {
    // One byte of control and a load of 7/16 at the least, as after the table has just grown.
    let in_table = (size_of::<(Name, u32)>() + 1) * 16 / 7;
    assert!(size_of::<Entry>() + in_table <= ENTRY_BYTES, "{} + {in_table}", size_of::<Entry>());
}

fn names(cache: &Cache, now: Instant) -> Vec<String> {
    cache.logins(now).map(|cached| String::from_utf8(cached.login.to_vec()).unwrap()).collect()
}

#[test]
fn who_is_in_it_is_listed_with_all_names_and_times_the_last_used_first() {
    let now = Instant::now();
    let mut cache = cache(10 * COST);
    remember(&mut cache, "anna", "secret", now);
    let later = now + Duration::from_secs(1);
    remember(&mut cache, "bert", "secret", later);
    assert!(knows(&mut cache, "anna", "secret", later));
    assert_eq!(names(&cache, later), ["anna", "bert"]);
    let bert = cache.logins(later).last().unwrap();
    assert_eq!((bert.login, bert.realm, bert.service), (&b"bert"[..], &b"example.org"[..], &b"smtp"[..]));
    assert_eq!((bert.made, bert.expires), (later, later + LIFETIME));
    assert_eq!(names(&cache, now + LIFETIME), ["bert"], "what has expired is not listed");
}

#[test]
fn a_login_is_forgotten_by_its_name_with_or_without_its_realm() {
    let now = Instant::now();
    for (wanted, forgotten) in [
        (Some(&b"anna"[..]), 1),
        (Some(b"anna@example.org"), 1),
        (Some(b"ANNA"), 1),
        (Some(b"Anna@Example.Org"), 1),
        (Some(b"anna@example"), 0),
        (Some(b"anna@"), 0),
        (Some(b"an"), 0),
        (Some(b""), 0),
        (Some(b"annaexample.orgsmtp"), 0),
        (None, 3),
    ] {
        let mut cache = cache(10 * COST);
        ["bert", "anna", "annette"].iter().for_each(|login| remember(&mut cache, login, "secret", now));
        assert_eq!(cache.flush(wanted), forgotten, "{wanted:?}");
        assert_eq!(cache.len(), 3 - forgotten);
        assert_eq!(knows(&mut cache, "anna", "secret", now), forgotten == 0);
        assert_eq!(knows(&mut cache, "bert", "secret", now), forgotten < 3);
        assert_eq!(names(&cache, now).len(), 3 - forgotten);
        remember(&mut cache, "anna", "secret", now);
        assert!(knows(&mut cache, "anna", "secret", now), "it serves on");
    }
}

/// As a plain list would do it: the places of entries change with each that goes.
#[test]
fn the_order_of_use_survives_whatever_is_taken_out() {
    of_all_seeds(|seed| {
        let (mut random, now) = (Random(seed), Instant::now());
        let mut cache = cache(8 * COST);
        let mut expected: Vec<String> = Vec::new();
        for _ in 0..40 {
            let login = format!("user{}", random.below(12));
            let place = expected.iter().position(|other| *other == login);
            match random.below(4) {
                0..=1 => {
                    remember(&mut cache, &login, "secret", now);
                    place.into_iter().for_each(|place| drop(expected.remove(place)));
                    expected.insert(0, login);
                    expected.truncate(8);
                }
                2 => {
                    assert_eq!(knows(&mut cache, &login, "secret", now), place.is_some());
                    if let Some(place) = place {
                        let login = expected.remove(place);
                        expected.insert(0, login);
                    }
                }
                _ => {
                    assert_eq!(cache.flush(Some(login.as_bytes())), usize::from(place.is_some()));
                    place.into_iter().for_each(|place| drop(expected.remove(place)));
                }
            }
            assert_eq!(names(&cache, now), expected);
        }
    });
}

/// Names may be as long as their limit, and as many as come.
#[test]
fn its_memory_has_its_bound_whatever_the_names_are() {
    let now = Instant::now();
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let most = 1000 + random.below(20_000) as usize;
        let mut cache = cache(most);
        for number in 0..60 {
            let longest = if random.one_in(3) { 3000 } else { 30 };
            let login = format!("{number}{}", "x".repeat(random.below(longest) as usize));
            if random.one_in(50) {
                cache.flush(None);
            }
            remember(&mut cache, &login, "secret", now);
            let names: usize = cache.entries.iter().map(|entry| entry.names.bytes()).sum();
            assert_eq!(names, cache.names_bytes);
            assert!(cache.entries.capacity() * ENTRY_BYTES + names <= most);
            assert_eq!(cache.logins(now).count(), cache.len());
        }
        assert!(!cache.is_empty() || most < 3500, "long names make room for one another");
    });
}
