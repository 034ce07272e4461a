#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::testing::{SECOND, Scene, Works, credentials, id, service, site};
use super::*;
use crate::config::WorkerFlag;
use crate::config::login_format::LoginFormat;
use crate::config::site::Route;
use crate::job::Answer;
use crate::outcome::Outcome;
use crate::secret::Secret;

#[test]
fn a_request_is_sent_to_a_worker_and_its_verdict_to_the_client() {
    let mut scene = Scene::new(service(2, false));
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn a_failure_is_held_back_as_long_as_pam_wants_without_holding_a_worker() {
    let mut scene = Scene::new(service(1, false));
    let reject = Outcome::reject("PAM auth error");
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: reject.clone(), delay: Some(2 * SECOND) });
    assert_eq!(scene.replies, []);
    scene.ask(2, "bert", "right");
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    scene.pass(2 * SECOND - Duration::from_nanos(1));
    assert_eq!(scene.replies.len(), 1);
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.replies[1], (1, reject));
}

/// By a login of which its modules cannot tell nobody guesses faster than by others.
#[test]
fn an_outage_that_pam_wants_to_be_delayed_is_held_back_too() {
    let mut scene = Scene::new(service(1, false));
    let unavailable = Outcome::unavailable("PAM auth error", "pam_authenticate: x");
    scene.ask(1, "anna@nowhere.test", "guess");
    scene.answer(0, Verdict { outcome: unavailable.clone(), delay: Some(2 * SECOND) });
    scene.pass(2 * SECOND - Duration::from_nanos(1));
    assert_eq!(scene.replies, []);
    scene.pass(Duration::from_nanos(1));
    assert_eq!(scene.replies, [(1, unavailable)]);
}

#[test]
fn an_acceptance_is_never_held_back() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "right");
    scene.answer(0, Verdict { outcome: Outcome::ACCEPT, delay: Some(SECOND) });
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
}

#[test]
fn a_delay_never_outlasts_the_request_timeout() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: Some(Duration::MAX) });
    scene.pass(60 * SECOND);
    assert_eq!(scene.replies.len(), 1);
}

#[test]
fn a_dead_worker_means_unavailable_at_once() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.dispatcher.handle_worker_gone(scene.sent[0].0, scene.now);
    scene.settle();
    assert!(matches!(scene.replies[..], [(1, Outcome::Unavailable(_))]));
}

#[test]
fn a_request_that_takes_too_long_is_unavailable_and_its_worker_killed() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.pass(60 * SECOND);
    assert_eq!(scene.killed, [scene.sent[0].0]);
    assert!(scene.replies.iter().all(|(_, outcome)| matches!(outcome, Outcome::Unavailable(_))));
    assert_eq!(scene.replies.len(), 2);
}

#[test]
fn a_late_verdict_of_a_killed_worker_counts_for_nothing() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.pass(60 * SECOND);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies.len(), 1);
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies.len(), 1, "it was not cached");
}

#[test]
fn with_a_cache_the_second_request_asks_nobody() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT)]);
    assert_eq!(scene.sent.len(), 1);
    scene.pass(100 * SECOND);
    scene.ask(3, "anna", "secret");
    assert_eq!(scene.sent.len(), 2, "the entry has expired");
}

#[test]
fn neither_rejections_nor_outages_are_cached() {
    for outcome in [Outcome::reject("PAM auth error"), Outcome::internal_failure("down")] {
        let mut scene = Scene::new(service(1, true));
        scene.ask(1, "anna", "secret");
        scene.answer(0, outcome);
        scene.ask(2, "anna", "secret");
        assert_eq!(scene.sent.len(), 2);
    }
}

#[test]
fn with_a_cache_identical_requests_in_flight_share_one_call_of_the_mechanism() {
    let mut scene = Scene::new(service(5, true));
    for client in 1..=3 {
        scene.ask(client, "anna", "secret");
    }
    scene.ask(4, "anna", "other");
    assert_eq!(scene.sent.len(), 2);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
}

#[test]
fn without_a_cache_every_request_is_checked_by_itself() {
    let mut scene = Scene::new(service(5, false));
    for client in 1..=3 {
        scene.ask(client, "anna", "secret");
    }
    assert_eq!(scene.sent.len(), 3);
}

#[test]
fn the_realm_is_joined_before_the_cache_is_asked() {
    let mut scene = Scene::at(service(1, true), with_format(LoginFormat::WITH_REALM));
    let mut with_realm = credentials("anna", "secret");
    with_realm.realm = b"example.org".to_vec();
    scene.ask_with(1, "mux", with_realm, 0, 60 * SECOND);
    scene.answer(0, Outcome::ACCEPT);
    let Event::Decided(names, ..) = &scene.events[0] else { panic!() };
    assert_eq!(names.login, b"anna@example.org");
}

#[test]
fn a_login_of_which_the_format_leaves_nothing_is_refused_and_logged_as_it_came() {
    let mut scene = Scene::at(service(1, true), with_format("%U"));
    scene.ask(1, "@example.org", "secret");
    assert_eq!(scene.replies[0].1.reply(), "NO NULL login received");
    let Event::Decided(names, ..) = &scene.events[0] else { panic!() };
    assert_eq!(names.login, b"@example.org");
    assert!(scene.sent.is_empty() && scene.dispatcher.is_idle());
}

#[test]
fn a_request_that_could_not_be_handed_over_goes_to_another_worker() {
    let mut scene = Scene::new(service(2, false));
    scene.ask(1, "anna", "secret");
    let (worker, job) = scene.sent[0];
    let purpose = Purpose::CheckLogin(credentials("anna", "secret"));
    scene.dispatcher.handle_undelivered(worker, vec![(job, purpose)], scene.now);
    scene.settle();
    assert_eq!(scene.sent.len(), 2);
    assert_ne!(scene.sent[1].0, worker);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT)]);
}

#[test]
fn every_client_of_a_shared_call_has_its_own_line_in_the_log() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "anna", "secret");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: Some(SECOND) });
    assert_eq!(scene.events.len(), 2);
}

#[test]
fn logins_that_wait_long_are_told_of() {
    let mut scene = Scene::new(service(1, false));
    for client in 1..=4 {
        scene.ask(client, &format!("user{client}"), "secret");
    }
    scene.pass(4 * SECOND);
    let waiting: Vec<_> = scene.events.iter().filter(|event| matches!(event, Event::Waiting(_))).collect();
    assert_eq!(waiting.len(), 1);
    assert!(matches!(waiting[0], Event::Waiting(Waiting { logins: 3, flag: WorkerFlag::Processes, .. })));
}

#[test]
fn a_login_that_nobody_waits_for_any_more_is_never_sent() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.ask(3, "carl", "secret");
    scene.hang_up(2);
    scene.answer(0, Outcome::ACCEPT);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.sent.len(), 2);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn nothing_is_begun_for_a_client_that_has_hung_up_already() {
    let mut scene = Scene::new(service(1, true));
    let deadline = scene.now + 60 * SECOND;
    scene.dispatcher.handle_request(
        id(1),
        "mux",
        credentials("anna", "secret"),
        || None,
        deadline,
        scene.now,
    );
    scene.settle();
    assert!(scene.sent.is_empty() && scene.dispatcher.is_idle() && scene.dispatcher.in_flight.is_empty());
}

#[test]
fn a_check_that_runs_goes_on_without_its_client_is_logged_and_may_be_remembered() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.hang_up(1);
    assert_eq!(scene.killed, []);
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!((scene.replies.len(), scene.events.len()), (0, 1));
    scene.ask(2, "anna", "secret");
    assert_eq!(scene.replies, [(2, Outcome::ACCEPT)]);
    assert_eq!(scene.sent.len(), 1);
}

#[test]
fn a_joined_login_goes_on_while_anyone_waits_for_it() {
    let mut scene = Scene::new(service(1, true));
    scene.ask(1, "anna", "secret");
    scene.ask(2, "bert", "secret");
    scene.ask(3, "bert", "secret");
    scene.hang_up(2);
    scene.answer(0, Outcome::ACCEPT);
    scene.answer(1, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (3, Outcome::ACCEPT)]);
}

#[test]
fn a_client_that_hangs_up_during_its_delay_holds_nothing() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: Outcome::reject("PAM auth error"), delay: Some(2 * SECOND) });
    scene.hang_up(1);
    assert!(scene.dispatcher.is_idle() && scene.dispatcher.timers.is_empty());
    scene.pass(2 * SECOND);
    assert_eq!(scene.replies, []);
}

#[test]
fn an_errand_for_a_login_that_nobody_waits_for_any_more_is_not_run() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    scene.send_errand(1, None);
    scene.ask(1, "anna", "secret");
    let login = scene.asked[0];
    scene.send_errand(2, Some(login.1));
    scene.hang_up(1);
    assert_eq!(scene.withdrawn, [login]);
    assert!(matches!(scene.reports[..], [(ErrandId(2), ErrandResult::Failed(_))]));
    assert_eq!(scene.sent.len(), 1, "the first goes on");
}

#[test]
fn an_errand_of_a_connection_that_is_closed_is_not_run() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    (1..=3).for_each(|id| scene.send_errand(id, None));
    for id in [ErrandId(1), ErrandId(2), ErrandId(2)] {
        scene.dispatcher.handle_withdrawal(InstanceId(0), id, scene.now);
    }
    scene.settle();
    assert!(matches!(scene.reports[..], [(ErrandId(2), ErrandResult::Failed(_))]), "the first goes on");
    let (worker, job) = scene.sent[0];
    scene.dispatcher.handle_answer(
        worker,
        job,
        Answer::Errand(ErrandResult::PasswordChecked(true)),
        scene.now,
    );
    scene.settle();
    assert_eq!(scene.sent.len(), 2, "the third is next");
}

#[test]
fn a_user_who_asks_a_hundred_times_delays_another_by_a_turn() {
    let mut scene = Scene::new(service(1, false));
    for client in 1..=100 {
        scene.ask_as(65534, client, "anna", "secret");
    }
    scene.ask_as(1000, 101, "bert", "secret");
    scene.answer(0, Outcome::ACCEPT);
    (1..3).for_each(|index| scene.answer(index, Outcome::ACCEPT));
    let answered: Vec<_> = scene.replies.iter().map(|(client, _)| *client).collect();
    assert_eq!(answered, [1, 2, 101]);
}

fn with_format(format: &str) -> Site {
    let mut site = site(&service(1, true), &[Works::InWorkers]);
    let route = Route { login_format: LoginFormat::parse(format).ok(), ..Route::clone(&site.routes.default) };
    site.routes.default = Rc::new(route);
    site
}

#[test]
fn a_login_for_servers_needs_no_worker_and_ends_with_their_decision() {
    let mut scene = Scene::with(service(1, true), &[Works::AtServers]);
    scene.ask(1, "anna", "secret");
    scene.ask(2, "anna", "secret");
    assert_eq!((scene.asked.len(), scene.sent.len()), (1, 0));
    scene.decide(0, Outcome::ACCEPT);
    assert_eq!(scene.replies, [(1, Outcome::ACCEPT), (2, Outcome::ACCEPT)]);
}

#[test]
fn servers_that_never_decide_are_let_go_at_the_request_timeout() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    scene.ask(1, "anna", "secret");
    scene.pass(60 * SECOND);
    assert!(matches!(scene.replies[..], [(1, Outcome::Unavailable(_))]));
    assert_eq!(scene.abandoned, scene.asked);
    scene.decide(0, Outcome::ACCEPT);
    assert_eq!(scene.replies.len(), 1, "a decision that comes late");
}

#[test]
fn an_errand_goes_to_a_worker_and_its_result_to_whoever_sent_it() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    scene.send_errand(7, None);
    let (worker, job) = scene.sent[0];
    let answer = Answer::Errand(ErrandResult::PasswordChecked(true));
    scene.dispatcher.handle_answer(worker, job, answer, scene.now);
    scene.settle();
    assert!(matches!(scene.reports[..], [(ErrandId(7), ErrandResult::PasswordChecked(true))]));
}

#[test]
fn an_errand_whose_worker_dies_or_hangs_has_failed() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    scene.send_errand(1, None);
    scene.dispatcher.handle_worker_gone(scene.sent[0].0, scene.now);
    scene.send_errand(2, None);
    scene.pass(60 * SECOND);
    let failed = |report: &(ErrandId, ErrandResult)| matches!(report.1, ErrandResult::Failed(_));
    assert_eq!((scene.reports.len(), scene.reports.iter().all(failed)), (2, true));
    assert_eq!(scene.killed.len(), 1, "the one that hung");
}

#[test]
fn an_errand_that_no_worker_has_room_for_fails_at_once_and_costs_no_worker() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    let mut stored = Secret::default();
    stored.resize(1 << 20);
    let errand = Errand::CheckPassword { password: Secret::copy_of(b"secret"), stored };
    scene.dispatcher.handle_errand(InstanceId(0), ErrandId(1), errand, None, scene.now);
    scene.settle();
    assert!(matches!(scene.reports[..], [(ErrandId(1), ErrandResult::Failed(_))]));
    assert!(scene.sent.is_empty());
}

#[test]
fn a_verdict_is_no_answer_to_an_errand() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    scene.send_errand(1, None);
    scene.answer(0, Outcome::ACCEPT);
    assert!(matches!(scene.reports[..], [(ErrandId(1), ErrandResult::Failed(_))]));
    assert_eq!(scene.replies, []);
}

#[test]
fn a_login_that_was_being_decided_when_the_cache_was_emptied_of_it_is_not_put_back() {
    for wanted in [Some(&b"anna"[..]), None] {
        let mut scene = Scene::new(service(3, true));
        scene.ask(1, "anna", "secret");
        scene.dispatcher.flush_cache(wanted);
        scene.ask(2, "anna", "secret");
        assert_eq!(scene.sent.len(), 2, "who asks afterwards does not join it");
        scene.answer(0, Outcome::ACCEPT);
        assert_eq!(scene.dispatcher.cached_logins(scene.now).count(), 0);
        scene.ask(3, "anna", "secret");
        assert_eq!(scene.sent.len(), 2, "this one joins the second");
        scene.answer(1, Outcome::ACCEPT);
        assert_eq!(scene.replies.len(), 3);
        let cached: Vec<_> = scene.dispatcher.cached_logins(scene.now).map(|cached| cached.login).collect();
        assert_eq!(cached, [b"anna"]);
        assert_eq!(scene.dispatcher.flush_cache(Some(b"bert")), 0);
        assert_eq!(scene.dispatcher.flush_cache(wanted), 1);
        assert_eq!(scene.dispatcher.take_totals().cache_flushed, 1);
    }
}

#[test]
fn another_login_is_remembered_although_the_cache_was_emptied_of_one_meanwhile() {
    let mut scene = Scene::new(service(3, true));
    scene.ask(1, "anna", "secret");
    scene.dispatcher.flush_cache(Some(b"bert"));
    scene.answer(0, Outcome::ACCEPT);
    scene.ask(2, "anna", "secret");
    assert_eq!((scene.sent.len(), scene.replies.len()), (1, 2));
}

#[test]
fn without_a_cache_there_is_nothing_to_list_or_to_empty() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.answer(0, Outcome::ACCEPT);
    assert_eq!(scene.dispatcher.flush_cache(None), 0);
    assert_eq!(scene.dispatcher.cached_logins(scene.now).count(), 0);
    assert_eq!(scene.dispatcher.cache(), None);
}

#[test]
fn a_delay_that_is_owed_counts_for_no_duration_and_a_wait_for_a_worker_does() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.ask(2, "bert", "secret");
    scene.pass(2 * SECOND);
    scene.answer(0, Verdict { outcome: Outcome::reject("no"), delay: Some(3 * SECOND) });
    scene.pass(SECOND);
    scene.answer(1, Outcome::ACCEPT);
    let totals = scene.dispatcher.take_totals();
    assert_eq!((totals.durations.count(), totals.durations.sum), (2, 5_000_000));
    assert_eq!((totals.waits.count(), totals.waits.sum), (2, 2_000_000));
    let checks = &scene.dispatcher.mechanisms(scene.now)[0];
    assert_eq!((checks.name.as_str(), checks.mechanism.as_str()), ("a", "pam"));
    assert_eq!((checks.recent_durations.count(), checks.recent_durations.sum), (2, 3_000_000));
    let (recent, time) = scene.dispatcher.recent(scene.now);
    assert_eq!((recent.count(), time), (2, 3 * SECOND));
    assert!(scene.dispatcher.take_totals().is_empty(), "each is told once");
}

#[test]
fn a_worker_that_is_late_is_counted_and_so_is_one_that_makes_no_sense() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    scene.pass(60 * SECOND);
    assert_eq!(scene.killed.len(), 1);
    scene.ask(2, "bert", "secret");
    let (worker, _) = scene.sent[1];
    scene.dispatcher.handle_ready(worker, scene.now);
    scene.settle();
    let deaths = scene.dispatcher.take_totals().worker_deaths;
    let expected = [("protocol".to_owned(), 1), ("timeout".to_owned(), 1)];
    assert_eq!(deaths.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn who_waits_for_a_worker_is_told_apart_from_who_waits_for_servers() {
    let mut scene = Scene::with(service(1, false), &[Works::AtServers]);
    for (client, login) in ["anna", "bert", "cora"].iter().enumerate() {
        scene.ask(client as u64, login, "secret");
    }
    let activity = scene.dispatcher.activity(7);
    assert_eq!((activity.busy_workers, activity.waiting_logins, activity.at_servers), (0, 0, 3));
    let (anna, bert) = (scene.asked[0].1, scene.asked[1].1);
    scene.send_errand(1, Some(anna));
    scene.send_errand(2, Some(bert));
    let activity = scene.dispatcher.activity(7);
    assert_eq!((activity.busy_workers, activity.waiting_logins, activity.at_servers), (1, 1, 1));
    assert_eq!(
        activity.waiting_logins,
        scene.dispatcher.pools(scene.now)[0].queued,
        "as saslauthdctl shows it"
    );
}

#[test]
fn a_pool_tells_who_works_who_waits_and_since_when() {
    let mut scene = Scene::new(service(2, false));
    assert_eq!(scene.dispatcher.pools(scene.now)[0].idle, 2);
    for (client, login) in ["anna", "bert", "cora", "dora"].iter().enumerate() {
        scene.ask(client as u64, login, "secret");
        scene.now += SECOND;
    }
    let pool = scene.dispatcher.pools(scene.now).remove(0);
    assert_eq!((pool.instance.as_deref(), pool.idle, pool.busy, pool.queued), (Some("a"), 0, 2, 2));
    assert_eq!((pool.most, pool.longest_wait), (2, 2 * SECOND));
    assert_eq!(scene.dispatcher.waiting_requests(), 4);
}

/// A frontend that drains would end, and its client never hear.
#[test]
fn a_reply_that_is_held_back_is_still_to_be_given() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "wrong");
    scene.answer(0, Verdict { outcome: Outcome::reject("no"), delay: Some(SECOND) });
    assert!(!scene.dispatcher.is_idle());
    scene.pass(SECOND);
    assert!(scene.dispatcher.is_idle());
}

#[test]
fn jobs_are_numbered_from_behind_those_of_the_process_before() {
    let mut scene = Scene::new(service(1, false));
    scene.dispatcher = scene.dispatcher.numbering_after(JobId(41));
    scene.ask(1, "anna", "secret");
    assert_eq!(scene.dispatcher.jobs.keys().copied().collect::<Vec<_>>(), [JobId(42)]);
}

#[test]
fn the_login_of_a_worker_that_answers_another_is_unavailable_at_once() {
    let mut scene = Scene::new(service(1, false));
    scene.ask(1, "anna", "secret");
    let (worker, JobId(job)) = scene.sent[0];
    let verdict = Answer::Verdict(Outcome::ACCEPT.into());
    scene.dispatcher.handle_answer(worker, JobId(job + 1), verdict, scene.now);
    scene.settle();
    assert_eq!(scene.replies, [(1, Outcome::internal_failure("the worker answered something else"))]);
    assert_eq!(scene.killed, [worker]);
}
