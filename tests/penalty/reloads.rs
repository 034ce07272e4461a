//! What becomes of penalties when the process that keeps them ends.

use super::Site;
use crate::support::eventually;

/// With the key of its digests, or a password that was wrong before would count again.
#[test]
fn a_reload_forgives_nobody_and_knows_the_passwords_that_were_wrong() {
    let mut site = Site::start(&[]);
    for number in 0..3 {
        site.guess("192.0.2.7", "anna", &format!("guess {number}"));
    }
    site.guess("2001:db8::1", "bert", "x");
    for number in 0..10 {
        site.guess("127.0.0.1", "bert", &number.to_string());
    }
    let before = site.penalties();
    assert_eq!(before.len(), 3, "{before:?}");
    for round in 1..=2 {
        reload(&site, round);
        eventually("the next frontend has them", || (site.penalties() == before).then_some(()));
        site.guess("192.0.2.7", "anna", &format!("guess {round}"));
        site.expect_step("192.0.2.7", 3);
    }
    site.guess("192.0.2.7", "anna", "guess 4");
    site.expect_step("192.0.2.7", 4);
    let told = site.daemon.log.all().iter().filter(|line| line.contains("Many failures")).count();
    assert_eq!(told, 1, "once an hour, whoever serves");
}

/// More than a socket holds at a time.
#[test]
fn a_large_table_is_handed_over_whole() {
    let mut site = Site::start(&["-n", "4"]);
    let clients: Vec<_> =
        (0..600).map(|number| format!("198.51.{}.{}", number / 250, number % 250)).collect();
    for (number, client) in clients.iter().enumerate() {
        let mut connection = site.daemon.connect();
        let request = crate::support::Request::new(format!("user{number}"), "wrong").address(client);
        connection.send(request.bytes());
        site.waiting.push(connection);
    }
    eventually("all are refused", || (site.logged_refusals() == clients.len()).then_some(()));
    reload(&site, 1);
    let all = || (site.penalties().len() == clients.len()).then_some(());
    eventually("the next frontend has them", all);
}

/// Whatever it knew is lost with it: a new one begins without penalties, and serves.
#[test]
fn a_killed_frontend_takes_its_penalties_along() {
    let mut site = Site::start(&[]);
    site.guess("192.0.2.7", "anna", "wrong");
    let frontend = site.daemon.children("frontend").remove(0);
    frontend.signal("KILL");
    eventually("another one serves", || {
        let next = site.daemon.children("frontend");
        let is_new = next.first().is_some_and(|next| next.id != frontend.id);
        (is_new && site.ask(&["ping"]).code == Some(0)).then_some(())
    });
    assert_eq!(site.penalties(), []);
    site.expect_accepted("192.0.2.7");
}

fn reload(site: &Site, times: usize) {
    site.daemon.process.signal("HUP");
    eventually("the reload is complete", || {
        let log = site.daemon.log.all();
        (log.iter().filter(|line| line.contains("has taken over")).count() >= times).then_some(())
    });
}
