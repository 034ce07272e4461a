#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::testing::{SECOND, Scene, credentials, route, service, site};
use super::*;
use crate::config::CacheSettings;
use crate::config::login_format::LoginFormat;
use crate::config::site::Route;
use crate::credentials::Credentials;
use crate::outcome::Outcome;
use crate::policy::dispatch::testing::Works;

const MOMENT: Duration = Duration::from_nanos(1);

fn wrong() -> Outcome {
    Outcome::reject("PAM auth error")
}

impl Scene {
    /// Somebody at that address asks, and is to be answered within so many seconds.
    fn guess_from(&mut self, client: &str, number: u64, login: &str, password: &str, seconds: u32) {
        let client = Some(client.parse().unwrap());
        let credentials = Credentials { client, ..credentials(login, password) };
        self.ask_with(number, "mux", credentials, 1000, seconds * SECOND);
    }

    /// That many wrong passwords, each answered before the next is tried.
    fn guess(&mut self, client: &str, times: u64) {
        for _ in 0..times {
            let number = 1000 + self.sent.len() as u64;
            self.guess_from(client, number, "anna", &format!("guess {number}"), 60);
            self.answer(self.sent.len() - 1, wrong());
            self.pass(15 * SECOND);
        }
        self.replies.clear();
    }

    fn many_failures(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::ManyFailures(_))).count()
    }
}

#[test]
fn a_refusal_waits_and_the_right_password_from_the_same_place_does_not() {
    let mut scene = Scene::new(service(1, false));
    scene.guess("192.0.2.7", 4);
    scene.guess_from("192.0.2.7", 1, "anna", "wrong", 60);
    scene.answer(4, wrong());
    scene.guess_from("192.0.2.7", 2, "bert", "right", 60);
    scene.answer(5, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)], "no worker is held, and nobody who is right");
    scene.guess_from("192.0.2.8", 3, "anna", "wrong", 60);
    scene.answer(6, wrong());
    scene.pass(2 * SECOND);
    assert_eq!(scene.replies[1..], [(3, wrong())], "another address has its own");
    scene.pass(13 * SECOND - MOMENT);
    assert_eq!(scene.replies.len(), 2);
    scene.pass(MOMENT);
    assert_eq!(scene.replies[2..], [(1, wrong())]);
    assert_eq!(scene.dispatcher.take_totals().penalties.by_address, 6);
}

/// Postfix gives up two seconds after that deadline, and would tell its client to try again.
#[test]
fn a_refusal_is_out_as_one_a_second_before_its_deadline() {
    let mut scene = Scene::new(service(1, false));
    scene.guess("192.0.2.7", 4);
    scene.guess_from("192.0.2.7", 1, "anna", "wrong", 8);
    scene.pass(SECOND);
    scene.answer(4, wrong());
    scene.pass(6 * SECOND - MOMENT);
    assert_eq!(scene.replies, []);
    scene.pass(MOMENT);
    assert_eq!(scene.replies, [(1, wrong())]);
    scene.guess_from("192.0.2.7", 2, "anna", "wrong too", 1);
    scene.answer(5, wrong());
    assert_eq!(scene.replies[1..], [(2, wrong())], "no time is left for it");
}

#[test]
fn the_longer_of_pams_delay_and_the_penalty_is_owed_and_not_both() {
    let mut scene = Scene::new(service(1, false));
    for (number, pam, owed) in [(0, 3, 3), (1, 3, 4), (2, 10, 10), (3, 10, 15)] {
        scene.guess_from("192.0.2.7", number, "anna", &format!("guess {number}"), 60);
        scene.answer(number as usize, Verdict { outcome: wrong(), delay: Some(pam * SECOND) });
        scene.pass(owed * SECOND - MOMENT);
        assert_eq!(scene.replies.len() as u64, number);
        scene.pass(MOMENT);
        assert_eq!(scene.replies.len() as u64, number + 1);
    }
    assert_eq!(scene.dispatcher.take_totals().penalties.by_address, 2);
}

#[test]
fn requests_that_share_a_check_count_once_and_wait_together() {
    let mut scene = Scene::new(service(1, true));
    (0..5).for_each(|number| scene.guess_from("192.0.2.7", number, "anna", "wrong", 60));
    assert_eq!(scene.sent.len(), 1);
    scene.answer(0, wrong());
    scene.pass(2 * SECOND - MOMENT);
    assert_eq!(scene.replies, []);
    scene.pass(MOMENT);
    assert_eq!(scene.replies.len(), 5);
}

#[test]
fn outages_and_what_no_mechanism_is_asked_about_do_not_count() {
    let mut scene = Scene::new(service(1, false));
    for number in 0..12 {
        scene.guess_from("192.0.2.7", number, "anna", &format!("guess {number}"), 60);
        scene.answer(number as usize, Outcome::internal_failure("the server is away"));
    }
    assert_eq!(scene.replies.len(), 12);
    assert_eq!(scene.dispatcher.penalties(scene.now), Default::default());
    let service = service(1, false);
    let mut site = site(&service, &[Works::InWorkers]);
    let login_format = LoginFormat::parse("%U").ok();
    site.routes.default = Rc::new(Route { login_format, ..Route::clone(&route(&[0])) });
    let mut scene = Scene::at(service, site);
    (0..5).for_each(|number| scene.guess_from("192.0.2.7", number, "@example.org", "x", 60));
    assert_eq!((scene.sent.len(), scene.replies.len()), (0, 5));
    assert_eq!(scene.dispatcher.penalties(scene.now), Default::default());
}

/// Whatever his address has coming.
#[test]
fn an_outage_from_the_address_of_a_guesser_is_told_at_once() {
    let mut scene = Scene::new(service(1, false));
    scene.guess("192.0.2.7", 4);
    let away = Outcome::internal_failure("the server is away");
    scene.guess_from("192.0.2.7", 1, "anna", "right", 60);
    scene.answer(4, away.clone());
    assert_eq!(scene.replies, [(1, away)]);
}

#[test]
fn a_client_without_room_gets_that_of_the_refusal_that_is_due_first() {
    let mut scene = Scene::new(service(1, false));
    assert!(!scene.dispatcher.make_room());
    scene.guess("192.0.2.7", 1);
    for (number, client) in [(1, "192.0.2.7"), (2, "192.0.2.8")] {
        scene.guess_from(client, number, "anna", &format!("wrong {number}"), 60);
        scene.answer(number as usize, wrong());
    }
    assert!(scene.dispatcher.make_room());
    scene.pass(Duration::ZERO);
    assert_eq!(scene.replies, [(2, wrong())], "two seconds are over before four");
    assert!(scene.dispatcher.make_room() && !scene.dispatcher.make_room());
    scene.pass(Duration::ZERO);
    assert_eq!(scene.replies[1..], [(1, wrong())]);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
    assert_eq!(scene.dispatcher.penalties(scene.now).held, 0);
    assert_eq!(scene.dispatcher.take_totals().failures_told_early, 2);
}

#[test]
fn who_hangs_up_before_the_answer_is_counted_and_holds_nothing() {
    let mut scene = Scene::new(service(1, false));
    scene.guess_from("192.0.2.7", 1, "anna", "a", 60);
    scene.hang_up(1);
    scene.answer(0, wrong());
    scene.guess_from("192.0.2.7", 2, "anna", "b", 60);
    scene.answer(1, wrong());
    assert_eq!(scene.dispatcher.penalties(scene.now).held, 1);
    scene.hang_up(2);
    assert_eq!(scene.dispatcher.penalties(scene.now).held, 0);
    let step = scene.dispatcher.penalties_of_addresses(scene.now).next().unwrap().step;
    assert_eq!(step, 2);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
}

/// The first mechanism has refused it, and the second is not asked since nobody waits.
#[test]
fn who_hangs_up_between_two_mechanisms_is_counted() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers, Works::InWorkers]);
    scene.ask(5, "bert", "x");
    scene.decide(0, wrong());
    scene.guess_from("192.0.2.7", 1, "anna", "a", 60);
    scene.decide(1, wrong());
    scene.hang_up(1);
    assert_eq!(scene.dispatcher.penalties(scene.now).addresses, 1);
}

#[test]
fn the_right_password_forgives_the_slips_before_it_also_from_the_cache() {
    let mut scene = Scene::new(FrontendSettings {
        cache: Some(CacheSettings { bytes: 1 << 16, lifetime: 600 * SECOND, stale: Duration::ZERO }),
        ..service(1, false)
    });
    let addresses = |scene: &Scene| scene.dispatcher.penalties(scene.now).addresses;
    for round in 0..2 {
        scene.guess_from("192.0.2.7", 1, "anna", &format!("slip {round}"), 60);
        scene.answer(scene.sent.len() - 1, wrong());
        assert_eq!(addresses(&scene), 1);
        scene.guess_from("192.0.2.7", 2, "anna", "right", 60);
        if round == 0 {
            scene.answer(1, Outcome::ACCEPT);
        }
        assert_eq!(addresses(&scene), 0);
        assert_eq!(scene.replies.last(), Some(&(2, Outcome::ACCEPT)));
        scene.pass(15 * SECOND);
    }
    assert_eq!(scene.dispatcher.take_totals().cache_hits, 1);
}

#[test]
fn no_more_than_a_quarter_of_the_connections_is_held_back_and_the_next_is_refused_at_once() {
    let mut scene = Scene::new(FrontendSettings { max_connections: 40, ..service(1, false) });
    for number in 0..12 {
        scene.guess_from("192.0.2.7", number, "anna", &format!("guess {number}"), 60);
        scene.answer(number as usize, wrong());
    }
    assert_eq!(scene.replies, [(10, wrong()), (11, wrong())]);
    assert_eq!(scene.dispatcher.penalties(scene.now).held, 10);
    assert_eq!(scene.dispatcher.take_totals().penalties.waived, 2);
    scene.hang_up(0);
    scene.guess_from("192.0.2.7", 12, "anna", "guess 12", 60);
    scene.answer(12, wrong());
    assert_eq!(scene.replies.len(), 2, "there is room again");
    scene.pass(15 * SECOND);
    assert_eq!(scene.replies.len(), 12);
}

#[test]
fn many_guesses_at_one_login_are_told_once_and_slow_down_wrong_passwords_only() {
    let mut scene = Scene::new(service(1, false));
    for number in 0..20 {
        scene.ask(number, "anna", &format!("guess {number}"));
        scene.answer(number as usize, wrong());
    }
    assert_eq!(scene.replies.len(), 9, "the others are held back");
    assert_eq!(scene.many_failures(), 1);
    scene.ask(20, "anna", "right");
    scene.answer(20, Outcome::ACCEPT);
    scene.ask(21, "bert", "wrong");
    scene.answer(21, wrong());
    assert_eq!(scene.replies[9..], [(20, Outcome::ACCEPT), (21, wrong())]);
    scene.pass(4 * SECOND);
    assert_eq!(scene.replies.len(), 22);
    let totals = scene.dispatcher.take_totals();
    assert_eq!((totals.penalties.by_login, totals.penalties.logins), (11, 1));
}

#[test]
fn without_penalties_every_refusal_is_out_at_once() {
    let mut settings = service(1, false);
    settings.guessing.penalty = false;
    let mut scene = Scene::new(settings);
    for number in 0..15 {
        scene.guess_from("192.0.2.7", number, "anna", &format!("guess {number}"), 60);
        scene.answer(number as usize, wrong());
    }
    assert_eq!(scene.replies.len(), 15);
    assert!(!scene.dispatcher.has_penalties() && scene.many_failures() == 0);
}
