#![allow(clippy::unwrap_used)]
use super::*;

const DRAIN_TIME: Duration = Duration::from_secs(20);
const FIRST: FrontendId = FrontendId(1);
const SECOND: FrontendId = FrontendId(2);
const THIRD: FrontendId = FrontendId(3);

type Commands = Vec<Command<&'static str>>;

fn commands(succession: &mut Succession<&'static str>) -> Commands {
    std::iter::from_fn(|| succession.next_command()).collect()
}

/// A daemon whose first frontend serves with the settings "old".
fn serving(now: Instant) -> Succession<&'static str> {
    let mut succession = Succession::new("old", DRAIN_TIME, now);
    succession.handle_ready(FIRST, now);
    assert_eq!(commands(&mut succession), [Command::Start(FIRST, "old"), Command::Accept(FIRST)]);
    assert_eq!(succession.started(), Some(Ok(())));
    succession
}

fn reload(succession: &mut Succession<&'static str>, settings: &'static str, now: Instant) -> Commands {
    succession.handle_reload();
    assert_eq!(commands(succession), [Command::ReadSettings]);
    succession.handle_settings(Some(settings), now);
    commands(succession)
}

#[test]
fn a_reload_hands_over_when_the_old_one_has_closed_its_door() {
    let now = Instant::now();
    let mut succession = serving(now);
    assert_eq!(reload(&mut succession, "new", now), [Command::Start(SECOND, "new")]);
    succession.handle_ready(SECOND, now);
    assert_eq!(commands(&mut succession), [Command::Drain(FIRST), Command::Log(Notice::TookOver)]);
    succession.handle_closed(FIRST, now);
    assert_eq!(commands(&mut succession), [Command::Accept(SECOND)]);
    assert!(succession.handle_ended(FIRST, now));
    assert_eq!(commands(&mut succession), []);
}

/// A reload must cure a hang: a frontend that does not even close its door is killed for the next one.
#[test]
fn a_frontend_that_does_not_hand_over_is_killed() {
    let now = Instant::now();
    let mut succession = serving(now);
    reload(&mut succession, "new", now);
    succession.handle_ready(SECOND, now);
    commands(&mut succession);
    succession.handle_timeout(now + CLOSE_TIME);
    let killed = Command::Kill(FIRST, KillReason::KeptAccepting);
    assert_eq!(commands(&mut succession), [Command::Ping(SECOND), killed, Command::Accept(SECOND)]);
}

/// Seen: the restart that was due came as well, and two frontends served for good.
#[test]
fn a_reload_while_a_restart_is_due_leaves_one_frontend() {
    let now = Instant::now();
    let mut succession = serving(now);
    for id in [FIRST, SECOND, THIRD] {
        assert!(!succession.handle_ended(id, now));
        if id != THIRD {
            succession.handle_timeout(succession.next_timeout().unwrap().max(now));
        }
    }
    commands(&mut succession);
    let restart_at = succession.next_timeout().unwrap();
    let successor = FrontendId(4);
    assert_eq!(reload(&mut succession, "new", now), [Command::Start(successor, "new")]);
    succession.handle_ready(successor, now);
    assert_eq!(commands(&mut succession), [Command::Accept(successor), Command::Log(Notice::TookOver)]);
    succession.handle_timeout(restart_at + Duration::from_millis(1));
    assert_eq!(commands(&mut succession), []);
}

#[test]
fn a_restart_goes_on_with_the_settings_that_served_while_new_ones_are_tried() {
    let now = Instant::now();
    let mut succession = serving(now);
    reload(&mut succession, "bad", now);
    succession.handle_ended(FIRST, now);
    succession.handle_timeout(now);
    assert_eq!(commands(&mut succession), [Command::Start(THIRD, "old"), Command::Accept(THIRD)]);
    succession.handle_ended(SECOND, now);
    assert_eq!(commands(&mut succession), [Command::Log(Notice::SuccessorFailed)]);
}

/// Seen: of two reloads with a new file between them the second was thrown away.
#[test]
fn a_reload_during_another_follows_it_with_a_read_of_its_own() {
    let now = Instant::now();
    let mut succession = serving(now);
    reload(&mut succession, "new", now);
    succession.handle_reload();
    succession.handle_reload();
    assert_eq!(commands(&mut succession), [Command::Log(Notice::ReloadWaits)]);
    succession.handle_ready(SECOND, now);
    let taken_over = [Command::Drain(FIRST), Command::Log(Notice::TookOver), Command::ReadSettings];
    assert_eq!(commands(&mut succession), taken_over);
    succession.handle_settings(Some("newer"), now);
    assert_eq!(commands(&mut succession), [Command::Start(THIRD, "newer")]);
}

#[test]
fn a_frontend_is_asked_three_times_as_often_as_somebody_wants_to_know() {
    for (time, interval) in [
        (Duration::from_secs(3), Duration::from_secs(1)),
        (Duration::from_secs(600), INTERVAL),
        (Duration::from_micros(1), SHORTEST_INTERVAL),
    ] {
        let now = Instant::now();
        let mut succession = Succession::new("old", DRAIN_TIME, now);
        succession.answer_within(time);
        succession.handle_ready(FIRST, now);
        commands(&mut succession);
        assert_eq!(succession.next_timeout(), Some(now + interval));
        succession.handle_timeout(now + interval);
        assert_eq!(commands(&mut succession), [Command::Ping(FIRST)]);
        succession.handle_heard(FIRST, now + interval);
        succession.handle_heard(FIRST, now + interval * 3 / 2);
        assert_eq!(
            succession.next_timeout(),
            Some(now + interval * 2),
            "what it says by itself puts off nothing"
        );
    }
}

#[test]
fn a_reload_before_the_first_frontend_is_ready_is_read_after_that() {
    let now = Instant::now();
    let mut succession = Succession::new("old", DRAIN_TIME, now);
    commands(&mut succession);
    succession.handle_reload();
    assert_eq!(commands(&mut succession), []);
    succession.handle_ready(FIRST, now);
    assert_eq!(commands(&mut succession), [Command::ReadSettings]);
}

#[test]
fn a_drain_that_does_not_end_is_ended() {
    let now = Instant::now();
    let mut succession = serving(now);
    reload(&mut succession, "new", now);
    succession.handle_ready(SECOND, now);
    succession.handle_closed(FIRST, now);
    commands(&mut succession);
    let mut ended = Vec::new();
    while let Some(due) = succession.next_timeout().filter(|due| *due <= now + DRAIN_TIME) {
        for id in [FIRST, SECOND] {
            succession.handle_heard(id, due);
        }
        succession.handle_timeout(due);
        ended.extend(commands(&mut succession).into_iter().filter(|one| matches!(one, Command::Kill(..))));
    }
    assert_eq!(ended, [Command::Kill(FIRST, KillReason::DrainedTooLong)]);
}

#[test]
fn a_silent_frontend_is_replaced_and_one_that_answers_is_not() {
    let now = Instant::now();
    let mut succession = serving(now);
    for round in 1..100 {
        let asked = now + INTERVAL * round;
        succession.handle_timeout(asked);
        assert_eq!(commands(&mut succession), [Command::Ping(FIRST)]);
        succession.handle_heard(FIRST, asked);
    }
    let asked = succession.next_timeout().unwrap();
    succession.handle_timeout(asked);
    succession.handle_timeout(asked + heartbeat::LONGEST_SILENCE);
    assert_eq!(
        commands(&mut succession),
        [
            Command::Ping(FIRST),
            Command::Kill(FIRST, KillReason::Silent),
            Command::Start(SECOND, "old"),
            Command::Accept(SECOND)
        ]
    );
}

/// As after a pause of the whole machine between a ping and its answer.
#[test]
fn a_look_at_the_clock_that_comes_late_itself_blames_nobody() {
    let now = Instant::now();
    let mut succession = serving(now);
    succession.handle_timeout(now + INTERVAL);
    succession.handle_timeout(now + Duration::from_secs(3600));
    assert_eq!(commands(&mut succession), [Command::Ping(FIRST)]);
    succession.handle_timeout(succession.next_timeout().unwrap());
    assert!(commands(&mut succession).contains(&Command::Kill(FIRST, KillReason::Silent)));
}

#[test]
fn reloads_beyond_what_can_drain_at_a_time_wait() {
    let now = Instant::now();
    let mut succession = serving(now);
    for number in 0..MAX_DRAINING {
        reload(&mut succession, "new", now);
        succession.handle_ready(FrontendId(number + 2), now);
        succession.handle_closed(FrontendId(number + 1), now);
        commands(&mut succession);
    }
    succession.handle_reload();
    assert_eq!(commands(&mut succession), [Command::Log(Notice::ReloadWaits)]);
    succession.handle_ended(SECOND, now);
    assert_eq!(commands(&mut succession), [Command::ReadSettings]);
}

#[test]
fn three_frontends_that_end_before_the_first_is_ready_are_enough() {
    let now = Instant::now();
    let mut succession = Succession::new("old", DRAIN_TIME, now);
    for id in 1..=3 {
        assert_eq!(succession.started(), None);
        succession.handle_ended(FrontendId(id), now);
        succession.handle_timeout(succession.next_timeout().unwrap_or(now).max(now));
    }
    assert_eq!(succession.started(), Some(Err(StartFailure::KeptDying)));
}

#[test]
fn a_first_frontend_that_takes_too_long_is_a_failed_start() {
    let now = Instant::now();
    let mut succession = Succession::new("old", DRAIN_TIME, now);
    succession.handle_timeout(now + START_TIME);
    assert_eq!(succession.started(), Some(Err(StartFailure::NotReady)));
}

#[test]
fn a_stop_gives_requests_their_time_and_a_second_one_does_not() {
    let now = Instant::now();
    let mut succession = serving(now);
    reload(&mut succession, "new", now);
    succession.handle_stop(now);
    assert_eq!(
        commands(&mut succession),
        [Command::Kill(SECOND, KillReason::Stopping), Command::Stop(FIRST)]
    );
    succession.handle_stop(now);
    assert_eq!(commands(&mut succession), [Command::Kill(FIRST, KillReason::Stopping)]);
    succession.handle_ended(FIRST, now);
    assert!(!succession.is_over());
    succession.handle_ended(SECOND, now);
    assert!(succession.is_over());
}
