//! One client cannot take the service from the others. C makes no such promise.
//!
//! How long a login takes beside an attack is compared with what it takes at another daemon at the same time: machines
//! differ, and share their processors with what else runs.

use crate::support::{Answer, Daemon, Launch, MuxClient, Probed, Program, eventually, within};
use std::path::Path;
use std::time::Duration;

/// A hash of `right`, as Debian makes them today.
const YESCRYPT: &str = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$F1K3Jya64xlumGw51Swco2SOABCTTRjmBszNBfvECdC";

const ROOT: u32 = 0;
/// `daemon` and `nobody` on Debian; accounts need not exist.
const OTHER: u32 = 1;
const NOBODY: u32 = 65534;

/// How many logins each honest user makes, one after the other.
const LOGINS: usize = 25;

/// How much longer than at a daemon that is left alone a login may take. On two quiet processors it is 3 to 7 times, for a flood
/// of connections keeps them busy by itself, and beside other tests up to 12; where an attack takes the service away it is
/// hundreds of times. Who gets which part of the workers is for the tests of the queue.
const FACTOR: u32 = 24;

fn daemon() -> Daemon {
    let users: String = ["anna", "berta", "victim"].map(|login| format!("{login}:{YESCRYPT}\n")).concat();
    Launch::new(Program::Ours, &["-a", "passwdfile"]).with_open_directory().with_file("-O", &users).start()
}

/// The users log in before the attack and during it, and at the same time at a daemon that is left alone: what else the
/// machine has to do slows both.
fn expect_service<T>(users: &[(u32, &str)], attack: impl FnOnce(&MuxClient, &Daemon) -> T) {
    let (client, daemon, left_alone) = (MuxClient::new(), daemon(), daemon());
    let (socket, other) = (daemon.socket(), left_alone.socket());
    times_of(users, &client, &socket);
    let attackers = attack(&client, &daemon);
    let (beside, during) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| times_of(users, &client, &other));
        let during = times_of(users, &client, &socket);
        (beside.join().unwrap(), during)
    });
    drop(attackers);
    // One of ten may be slower. An attack that succeeds slows all.
    let (usual, slow) = (beside[beside.len() / 2], during[during.len() * 9 / 10]);
    assert!(slow < usual * FACTOR, "{slow:?} where it takes {usual:?} without an attack");
}

/// How long logins of these users took, who log in side by side; sorted. None is refused.
fn times_of(users: &[(u32, &str)], client: &MuxClient, socket: &Path) -> Vec<Duration> {
    let logins: Vec<_> = std::thread::scope(|scope| {
        let log_in = |(uid, login): &(u32, &str)| client.log_in(*uid, socket, login, LOGINS);
        let all: Vec<_> = users.iter().map(|user| scope.spawn(move || log_in(user))).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    let refused: Vec<_> = logins.iter().filter(|(_, reply)| reply != "OK").collect();
    assert!(refused.is_empty() && logins.len() == users.len() * LOGINS, "{refused:?}");
    let mut times: Vec<_> = logins.into_iter().map(|(time, _)| time).collect();
    times.sort_unstable();
    times
}

#[test]
fn a_user_that_sends_logins_and_hangs_up_takes_no_worker_from_others() {
    require!(Root, Compiler);
    expect_service(&[(ROOT, "anna"), (OTHER, "berta")], |client, daemon| {
        client.start(NOBODY, &daemon.socket(), "hang-up", &["victim", "wrong", "32"])
    });
}

#[test]
fn silent_connections_of_one_user_take_no_connection_from_others() {
    require!(Root, Compiler);
    expect_service(&[(ROOT, "anna"), (OTHER, "berta")], |client, daemon| {
        let silent = client.start(NOBODY, &daemon.socket(), "silent", &["4300"]);
        daemon.log.wait_for("connections are open");
        silent
    });
}

#[test]
fn guesses_for_one_login_take_no_worker_from_other_logins_of_the_same_user() {
    require!(Root, Compiler);
    expect_service(&[(ROOT, "anna")], |client, daemon| {
        let guess = |_| client.start(ROOT, &daemon.socket(), "log-in", &["victim", "wrong", "1000000"]);
        (0..40).map(guess).collect::<Vec<_>>()
    });
}

#[test]
fn a_login_whose_client_has_hung_up_is_not_checked() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let mut gate = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    let mut gone: Vec<_> = (0..20).map(|number| site.begin(format!("gone{number}"), "right")).collect();
    let mut patient = site.begin("patient", "right");
    // Taken by now, so that hanging up is what removes them.
    assert!(gone[19].receive_within(Duration::from_millis(300)).is_none());
    drop(gone);
    assert!(patient.receive_within(Duration::from_millis(300)).is_none());
    site.probe.open_gate();
    assert_eq!(gate.receive(), "OK");
    assert_eq!(patient.receive(), "OK");
    let logins: Vec<_> = site.probe.calls().into_iter().map(|call| call.login).collect();
    assert_eq!(logins, ["gate", "patient"]);
}

#[test]
fn a_client_that_hangs_up_gives_its_place_back_at_once() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "3", "--max-connections=2"]);
    let gate = eventually("there is room", || {
        let gate = site.begin_roughly("gate", "right");
        within(Duration::from_millis(200), || (!site.probe.calls().is_empty()).then_some(())).map(|()| gate)
    });
    drop(gate);
    let mut second = eventually("the place is free", || {
        let mut second = site.begin_roughly("gate", "right");
        second.receive_within(Duration::from_millis(50)).is_none().then_some(second)
    });
    assert_eq!(site.ask("user", "right"), "OK", "although a check of the first still runs");
    site.probe.open_gate();
    assert_eq!(second.receive(), "OK");
}

fn a_client_that_has_only_finished_writing_gets_its_answer(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let mut client = site.begin("gate", "right");
    client.finish_sending();
    site.probe.wait_for_calls(1);
    assert!(client.receive_within(Duration::from_millis(200)).is_none());
    site.probe.open_gate();
    assert_eq!(client.receive(), "OK");
}

for_both!(a_client_that_has_only_finished_writing_gets_its_answer);

/// The one that asks for too much is told, not the others.
#[test]
fn with_every_connection_waiting_the_newest_of_the_user_that_holds_most_is_told() {
    require!(Root, Compiler);
    let launch = Launch::new(Program::Ours, &["-n", "2", "--max-connections=8"]).with_open_directory();
    let site = Probed::launch(launch);
    let mut waiting: Vec<_> = (0..8)
        .map(|_| {
            eventually("there is room", || {
                let mut one = site.begin_roughly("gate", "right");
                one.receive_within(Duration::from_millis(20)).is_none().then_some(one)
            })
        })
        .collect();
    let client = MuxClient::new();
    let other = client.start(OTHER, &site.daemon.socket(), "log-in", &["berta", "right", "1"]);
    assert_eq!(waiting[7].receive(), Answer::Nothing);
    site.daemon.log.wait_for("by the user with the number 0");
    site.probe.open_gate();
    assert!(waiting[..7].iter_mut().all(|one| one.receive() == "OK"));
    drop(other);
}
