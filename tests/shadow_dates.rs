//! The dates of `-a shadow` against the account check of pam_unix, in all their combinations.

use crate::support::{Launch, PamService, Program, Request, System};
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A hash of `right` that is quick to check, by md5crypt.
const HASH: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.";

/// The six fields behind the hash: last change, minimum, maximum, warning, inactivity, expiry.
type Dates = [String; 6];

/// A password without a day of change does not age, says shadow(5), and C has it so. pam_unix of Linux-PAM 1.5 takes
/// the empty field for the day before 1970. And from 1.6 on it takes the last day of a password for the day after, which
/// C, chage(1) and older ones do not.
#[test]
fn the_dates_mean_what_they_mean_to_pam_unix_but_for_a_password_without_a_day_of_change() {
    require!(Root, Mounts);
    let mut today = today();
    loop {
        let wrong = differences(today);
        if today == self::today() {
            assert!(wrong.is_empty(), "{} combinations differ, day {today}: {wrong:#?}", wrong.len());
            return;
        }
        // Midnight came in between.
        today = self::today();
    }
}

/// The combinations that are decided in another way, and how.
fn differences(today: i64) -> Vec<String> {
    let combinations = combinations(today);
    let system = combinations.iter().enumerate().fold(System::new(), |system, (number, dates)| {
        system.account(&login(number), "x", Some(&format!("{HASH}:{}:", dates.join(":"))))
    });
    let service = PamService::of("pam_permit.so", "pam_unix.so");
    let request = |number: usize| Request::new(login(number), "right").service(service.name());
    let pam = Launch::new(Program::Ours, &["-a", "pam"]).inside(&system).start();
    let oracle: HashMap<&Dates, bool> = combinations
        .iter()
        .enumerate()
        .map(|(number, dates)| (dates, pam.ask(&request(number)).is_ok()))
        .collect();
    assert!(oracle.values().any(|accepted| *accepted) && oracle.values().any(|accepted| !accepted));
    let shadow = Launch::new(Program::Ours, &["-a", "shadow"]).inside(&system).start();
    let mut differences = Vec::new();
    for (number, dates) in combinations.iter().enumerate() {
        let mut known = dates.clone();
        if dates[0].is_empty() {
            known[2].clear();
        }
        if let (Ok(change), Ok(maximum)) = (dates[0].parse::<i64>(), dates[2].parse::<i64>()) {
            if change > 1 && change + maximum == today {
                known[0] = (change + 1).to_string();
            }
        }
        let answer = shadow.ask(&request(number));
        if answer.is_ok() != oracle[&known] || !(answer.is_ok() || answer.text().ends_with(" expired")) {
            differences.push(format!("{} was answered with {answer:?}", dates.join(":")));
        }
    }
    differences
}

/// All combinations of what is around the bounds of each field.
fn combinations(today: i64) -> Vec<Dates> {
    let day = |days: i64| (today + days).to_string();
    let text = |days: i64| days.to_string();
    let mut all = Vec::new();
    for change in [String::new(), text(0), text(1), day(-91), day(-90), day(-89), day(-1), day(0), day(1)] {
        for (minimum, warning) in [(String::new(), String::new()), (text(100), text(7))] {
            for maximum in [String::new(), text(0), text(1), text(90), text(99_999)] {
                for inactive in [String::new(), text(0), text(1), text(30)] {
                    for expiry in [String::new(), text(0), text(1), day(-1), day(0), day(1)] {
                        let dates = [&change, &minimum, &maximum, &warning, &inactive, &expiry];
                        all.push(dates.map(String::clone));
                    }
                }
            }
        }
    }
    all
}

fn login(number: usize) -> String {
    format!("st-{number}")
}

fn today() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs() / (24 * 60 * 60)).unwrap()
}
