//! A chrooted Postfix smtpd that asks through libsasl: what its clients read on the SMTP connection.

pub(super) mod instance;

use super::daemon::{Daemon, Program};
use super::eventually;
use super::needs::Need;
use super::pam::PamService;
use super::smtp::{METHODS, Method};
use instance::{FILL_CHROOT, MUX_IN_CHROOT, Postfix, SERVICES, Sasl};

/// The program that starts it.
pub const POSTFIX: &str = "/usr/sbin/postfix";

const SOURCE: &str = "of the package postfix";
pub(super) const NEEDS: [Need; 3] =
    [Need::File(POSTFIX, SOURCE), Need::File(SERVICES, SOURCE), Need::File(FILL_CHROOT, SOURCE)];

/// The flags for a chrooted Postfix; `-m` comes with the start.
const FLAGS: [&str; 6] = ["-a", "pam", "-c", "-r", "-n", "5"];

const ACCEPTED: &str = "235 2.7.0 ";
/// Mail clients ask their user for another password, log readers count towards a ban.
const REFUSED: &str = "535 5.7.8 ";
/// Mail clients try again later by themselves.
const TRY_LATER: &str = "454 4.7.0 ";

scenarios! {
    super::NEEDS;
    both:
        right_wrong_and_unknown_are_told_apart,
        a_cached_login_is_answered_without_pam,
        a_stopped_daemon_is_try_later_and_a_started_one_serves_again,
        a_worker_that_dies_in_a_check_is_try_later_and_not_wrong_password;
    ours:
        as_many_dead_workers_as_there_were_leave_the_service_standing,
        an_outage_is_wrong_password_if_c_is_to_be_followed_but_for_a_worker_that_dies;
}

fn right_wrong_and_unknown_are_told_apart(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program, &[]);
    for method in METHODS {
        host.expect(ACCEPTED, method, "alice", "right horse");
        host.expect(REFUSED, method, "alice", "wrong horse");
        host.expect(REFUSED, method, "alice", "right hors");
        host.expect(REFUSED, method, "alice", "");
        host.expect(REFUSED, method, "nobody", "right horse");
        // The same mailbox with its domain, as many mail clients send it.
        host.expect(ACCEPTED, method, "alice@example.test", "right horse");
        host.expect(REFUSED, method, "alice@elsewhere.test", "right horse");
    }
}

fn a_cached_login_is_answered_without_pam(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program, &[]);
    for method in METHODS {
        host.expect(ACCEPTED, method, "alice", "right horse");
    }
    assert_eq!(host.service.asked("alice@example.test"), 1);
    host.expect(REFUSED, Method::Plain, "alice", "wrong horse");
    host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
    assert_eq!(host.service.asked("alice@example.test"), 2, "the wrong password only");
}

fn a_stopped_daemon_is_try_later_and_a_started_one_serves_again(program: Program) {
    let host = Host::new();
    host.expect(TRY_LATER, Method::Plain, "alice", "right horse");
    for _ in 0..2 {
        let daemon = host.start_daemon(program, &[]);
        host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
        daemon.stop();
        for method in METHODS {
            host.expect(TRY_LATER, method, "alice", "right horse");
            host.expect(TRY_LATER, method, "alice", "wrong horse");
        }
    }
}

fn a_worker_that_dies_in_a_check_is_try_later_and_not_wrong_password(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program, &[]);
    host.expect(TRY_LATER, Method::Plain, "crash", "anything");
    host.expect(TRY_LATER, Method::Login, "crash", "anything");
    host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
}

fn as_many_dead_workers_as_there_were_leave_the_service_standing(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program, &[]);
    for _ in 0..6 {
        host.expect(TRY_LATER, Method::Plain, "crash", "anything");
    }
    // The replacements may be held back for a moment, which is no verdict either.
    eventually("a right password is accepted again", || {
        let reply = host.authenticate(Method::Plain, "alice", "right horse");
        assert!(reply.starts_with(ACCEPTED) || reply.starts_with(TRY_LATER), "{reply}");
        reply.starts_with(ACCEPTED)
    });
}

fn an_outage_is_wrong_password_if_c_is_to_be_followed_but_for_a_worker_that_dies(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program, &["--on-unavailable=no"]);
    host.expect(REFUSED, Method::Plain, "offline", "anything");
    host.expect(TRY_LATER, Method::Plain, "crash", "anything");
    host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
}

/// A mail host with one user.
struct Host {
    service: PamService,
    postfix: Postfix,
}

impl Host {
    fn new() -> Self {
        let service = PamService::new(&[("alice@example.test", "right horse")]);
        let postfix = Postfix::start(Sasl::Cyrus { service: service.name(), socket: MUX_IN_CHROOT });
        Self { service, postfix }
    }

    fn start_daemon(&self, program: Program, flags: &[&str]) -> Daemon {
        Daemon::start(program, &self.postfix.run_directory(), &[&FLAGS, flags].concat())
    }

    fn authenticate(&self, method: Method, login: &str, password: &str) -> String {
        self.postfix.connect().authenticate(method, login, password)
    }

    #[track_caller]
    fn expect(&self, start: &str, method: Method, login: &str, password: &str) {
        let reply = self.authenticate(method, login, password);
        assert!(reply.starts_with(start), "{method:?} {login:?} {password:?}: {reply}, and not {start}");
    }
}
