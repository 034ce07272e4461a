#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::simulation::{Random, of_all_seeds};

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), answer: Duration::from_secs(5) };

const SECOND: Duration = Duration::from_secs(1);

fn connect_to(hosts: &mut Hosts, now: Instant) -> Attempt {
    let mut attempt = hosts.begin(now);
    let Step::Connect { host, .. } = hosts.next(&mut attempt, true, now) else {
        panic!("no connection is made")
    };
    hosts.note_connected(host, now);
    attempt
}

#[test]
fn the_connection_is_kept_until_it_has_rested_for_a_minute() {
    let now = Instant::now();
    let mut hosts = Hosts::new(2, LIMITS);
    connect_to(&mut hosts, now);
    hosts.note_answered(now);
    let step = |hosts: &mut Hosts, is_alive, now| hosts.next(&mut hosts.begin(now), is_alive, now);
    assert_eq!(step(&mut hosts, true, now + 59 * SECOND), Step::UseKept);
    let anew = Step::Connect { host: 0, within: LIMITS.connect };
    assert_eq!(step(&mut hosts, true, now + 60 * SECOND), anew);
    hosts.note_connected(0, now);
    assert_eq!(step(&mut hosts, false, now), anew, "its server has closed it");
}

#[test]
fn a_kept_connection_that_breaks_is_made_anew_to_the_same_server_once() {
    let now = Instant::now();
    let mut hosts = Hosts::new(1, LIMITS);
    connect_to(&mut hosts, now);
    let mut attempt = hosts.begin(now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::UseKept);
    hosts.note_broken(&mut attempt, false, now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::Connect { host: 0, within: LIMITS.connect });
    hosts.note_connected(0, now);
    hosts.note_broken(&mut attempt, false, now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::GiveUp);
}

#[test]
fn a_server_that_was_silent_is_asked_last_for_a_while_and_then_first_again() {
    let now = Instant::now();
    let mut hosts = Hosts::new(2, LIMITS);
    let mut attempt = hosts.begin(now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::Connect { host: 0, within: LIMITS.connect });
    hosts.note_unreachable(0, true, now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::Connect { host: 1, within: LIMITS.connect });
    hosts.note_connected(1, now);
    hosts.note_broken(&mut attempt, false, now);
    assert_eq!(hosts.next(&mut attempt, true, now), Step::GiveUp);
    // Both have failed: the first one longer ago, or just as long.
    let later = now + 29 * SECOND;
    let mut attempt = hosts.begin(later);
    assert_eq!(hosts.next(&mut attempt, true, later), Step::Connect { host: 0, within: SHORT_CONNECT });
    let later = now + PENALTY;
    assert_eq!(
        hosts.next(&mut hosts.begin(later), true, later),
        Step::Connect { host: 0, within: LIMITS.connect }
    );
}

#[test]
fn the_first_choice_is_taken_again_when_the_second_has_served_for_five_minutes() {
    let now = Instant::now();
    let mut hosts = Hosts::new(2, LIMITS);
    hosts.note_unreachable(0, false, now);
    connect_to(&mut hosts, now);
    let mut step_at = |seconds: u32| {
        let now = now + SECOND * seconds;
        hosts.note_answered(now);
        hosts.next(&mut hosts.begin(now), true, now)
    };
    assert_eq!(step_at(299), Step::UseKept);
    assert_eq!(step_at(300), Step::Connect { host: 0, within: LIMITS.connect });
}

#[test]
fn all_silent_servers_are_tried_and_cost_a_login_no_more_than_two_of_them_and_an_answer_would() {
    for count in 1..=16 {
        let begun = Instant::now();
        let mut hosts = Hosts::new(count, LIMITS);
        let (mut attempt, mut now) = (hosts.begin(begun), begun);
        let mut tried = 0;
        while let Step::Connect { host, within } = hosts.next(&mut attempt, true, now) {
            now += within;
            tried += 1;
            hosts.note_unreachable(host, true, now);
        }
        assert_eq!(tried, count);
        assert!(now - begun <= 15 * SECOND, "{count}: {:?}", now - begun);
    }
}

/// How a server behaves for now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Refuses,
    IsSilent,
    /// Takes connections and closes them when it is asked.
    Breaks,
    /// Takes connections and says nothing any more.
    Hangs,
}

/// What a login came to: whether it was answered, by whom it was tried, and how long it took.
fn log_in(hosts: &mut Hosts, moods: &[Mood], random: &mut Random, now: &mut Instant) -> (bool, Vec<usize>) {
    let begun = *now;
    let mut attempt = hosts.begin(begun);
    let mut connected = Vec::new();
    let mut asked = 0;
    let is_answered = loop {
        let host = match hosts.next(&mut attempt, random.below(4) > 0, *now) {
            Step::GiveUp => break false,
            Step::UseKept => hosts.kept.unwrap().host,
            Step::Connect { host, within } => {
                assert!(!connected.contains(&host), "no server is connected to twice for a login");
                connected.push(host);
                match moods[host] {
                    Mood::Refuses => hosts.note_unreachable(host, false, *now),
                    Mood::IsSilent => {
                        *now += within;
                        hosts.note_unreachable(host, true, *now);
                    }
                    _ => hosts.note_connected(host, *now),
                }
                if hosts.kept.is_none() {
                    continue;
                }
                host
            }
        };
        asked += 1;
        match moods[host] {
            Mood::Well => {
                hosts.note_answered(*now);
                break true;
            }
            Mood::Hangs => {
                *now += LIMITS.answer;
                hosts.note_broken(&mut attempt, true, *now);
            }
            _ => hosts.note_broken(&mut attempt, false, *now),
        }
    };
    assert!(asked <= moods.len() + 1, "a question is asked again once");
    assert!(*now - begun <= 2 * LIMITS.connect + 2 * LIMITS.answer, "it ends in time: {:?}", *now - begun);
    (is_answered, connected)
}

#[test]
fn whatever_servers_do_a_login_ends_in_time_and_one_that_is_well_is_found() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let count = 1 + usize::try_from(random.below(4)).unwrap();
        let mut hosts = Hosts::new(count, LIMITS);
        let mut moods = vec![Mood::Well; count];
        let mut now = Instant::now();
        for _ in 0..100 {
            let host = usize::try_from(random.below(u64::try_from(count).unwrap())).unwrap();
            moods[host] = [Mood::Well, Mood::Refuses, Mood::IsSilent, Mood::Breaks, Mood::Hangs]
                [usize::try_from(random.below(5)).unwrap()];
            let (is_answered, connected) = log_in(&mut hosts, &moods, &mut random, &mut now);
            let is_slow = |mood: &&Mood| matches!(mood, Mood::IsSilent | Mood::Hangs);
            // Three that take their time use it up, where one says nothing only when it is asked.
            if moods.contains(&Mood::Well) && moods.iter().filter(is_slow).count() < 3 {
                assert!(is_answered, "a server is well");
            }
            if is_answered {
                // Who has failed just now is not the first choice.
                let (_, again) = log_in(&mut hosts, &moods, &mut random, &mut now);
                let first_failed = connected.first().is_some_and(|first| moods[*first] != Mood::Well);
                assert!(!first_failed || again.first() != connected.first(), "{connected:?} {again:?}");
            }
            now += Duration::from_millis(random.below(90_000));
        }
    });
}
