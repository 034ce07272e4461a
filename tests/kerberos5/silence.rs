//! Realms whose servers hear and say nothing: they cost those who need them.

use super::{REFUSED, ask, realm, start_with, usual};
use crate::support::kerberos::{Kerberos, Krb5File, SilentKdc};
use crate::support::{Answer, Daemon, Launch, PATIENCE, Program, under_load};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A realm that answers and B.EXAMPLE, which does not.
struct Site {
    server: Kerberos,
    conf: Krb5File,
    silent: SilentKdc,
}

fn site() -> Site {
    let (server, silent) = (realm(&[]), SilentKdc::start());
    let conf = server.conf().realm("B.EXAMPLE", &[silent.address()]).write();
    Site { server, conf, silent }
}

impl Site {
    fn launch(&self, arguments: &[&str]) -> Launch {
        let launch = Launch::new(Program::Ours, &[&["-a", "kerberos5"], arguments].concat());
        self.conf.of_daemon(launch.with_file("-O", &usual(&self.server)))
    }
}

/// Logins of the realm that answers, for so long, and the longest that one took.
fn log_in(daemon: &Daemon, time: Duration) -> (usize, Duration) {
    let (begun, mut count, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < time {
        let start = Instant::now();
        assert_eq!(ask(daemon, "anna", "", "right"), "OK");
        longest = longest.max(start.elapsed());
        count += 1;
    }
    (count, longest)
}

/// With C a silent realm has every process for 27 seconds, and nobody logs in.
#[test]
fn while_one_realm_is_silent_and_floods_the_logins_of_another_are_not_held_up() {
    require!(Root, Kerberos);
    let site = site();
    let daemon = site.launch(&["-n", "5", "--request-timeout=12"]).start();
    // Both realms are known: the daemon leaves a worker free from then on.
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    let number = std::sync::atomic::AtomicUsize::new(0);
    let flood = || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // The last ones of a flood would keep the test waiting.
        (number < 400).then(|| ask(&daemon, &format!("user{number}"), "B.EXAMPLE", "right"))
    };
    let ((count, longest), answers) = under_load(20, flood, || log_in(&daemon, Duration::from_secs(9)));
    eprintln!(
        "{count} logins of the realm that answers, the longest in {longest:?}; {} of the other",
        answers.len()
    );
    assert!(count > 20 && longest < Duration::from_secs(3), "{count} logins, the longest in {longest:?}");
    assert!(answers.iter().all(|answer| *answer == Answer::Nothing), "{answers:?}");
    daemon.log.wait_for("The servers of B.EXAMPLE for kerberos5 have answered nobody for 5 s");
    assert!(site.silent.heard() > 0);
}

/// Told within the patience at first, at once later, and it is found out when the server is back.
#[test]
fn logins_of_a_silent_realm_are_told_at_once_until_it_answers_again() {
    require!(Root, Kerberos);
    let server = realm(&[("otto", "right")]);
    let conf = server.conf().write();
    let daemon = start_with(Program::Ours, &conf, &format!("{}\n", usual(&server)));
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    // Its kernel takes what comes, as that of a machine whose server hangs.
    server.signal("STOP");
    std::thread::scope(|scope| {
        let waiting =
            ["anna", "otto@EXAMPLE.ORG"].map(|login| scope.spawn(|| ask(&daemon, login, "", "right")));
        daemon.log.wait_for("The servers of EXAMPLE.ORG for kerberos5 have answered nobody for 5 s");
        // One of two tries, and the other is told at once.
        let (sender, answers) = mpsc::channel();
        for login in ["eva", "emil@EXAMPLE.ORG"] {
            let (sender, daemon) = (sender.clone(), &daemon);
            scope.spawn(move || sender.send(ask(daemon, login, "", "right")));
        }
        assert_eq!(answers.recv_timeout(Duration::from_secs(3)), Ok(Answer::Nothing));
        server.signal("CONT");
        // The library asks again and again.
        assert!(waiting.into_iter().all(|login| login.join().unwrap().is_ok()));
        assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), REFUSED);
    });
    daemon.log.wait_for("The servers of EXAMPLE.ORG for kerberos5 answer again");
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
}

/// The pool of another mechanism has workers of its own.
#[test]
fn a_chain_goes_on_at_once_behind_a_realm_that_is_known_to_be_silent() {
    require!(Root, Kerberos, Mounts);
    let site = site();
    let users = tempfile::NamedTempFile::new().unwrap();
    // `right`, by crypt(3).
    std::fs::write(users.path(), "anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n").unwrap();
    let text = format!(
        "{}mechanisms: kerberos5 passwdfile\npasswdfile_path: {}\n",
        usual(&site.server),
        users.path().display()
    );
    let launch = Launch::new(Program::Ours, &["-n", "3"]).with_file("--config", &text);
    let daemon = site.conf.of_daemon(launch).start();
    std::thread::scope(|scope| {
        for login in ["eva", "otto"] {
            scope.spawn(|| ask(&daemon, login, "B.EXAMPLE", "right"));
        }
        daemon.log.wait_for("The servers of B.EXAMPLE for kerberos5 have answered nobody for 5 s");
        let begun = Instant::now();
        let (sender, answers) = mpsc::channel();
        for _ in 0..2 {
            let (sender, daemon) = (sender.clone(), &daemon);
            scope.spawn(move || sender.send(ask(daemon, "anna", "B.EXAMPLE", "right")));
        }
        let answer = answers.recv_timeout(Duration::from_secs(3)).unwrap();
        assert_eq!(answer, "OK", "one of the two tries the realm, the other is decided by the file");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        daemon.process.signal("TERM");
    });
}
