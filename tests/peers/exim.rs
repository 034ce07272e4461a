//! Exim with its own client of the socket, which needs no libsasl and sends a request in four writes.

pub(super) mod chroot;

use super::daemon::{Daemon, Program};
use super::needs::Need;
use super::pam::PamService;
use super::smtp::{METHODS, Method};
use chroot::{Driver, Exim};

pub use chroot::EXIM;

const NEEDS: [Need; 1] = [Need::File(EXIM, "tests/support/unpack.sh fetches it")];

const ACCEPTED: &str = "235 ";
const REFUSED: &str = "535 ";
const TRY_LATER: &str = "435 ";

scenarios! {
    super::NEEDS;
    both:
        right_wrong_and_unknown_are_told_apart,
        no_verdict_is_try_later_and_not_wrong_password;
    ours:;
}

fn right_wrong_and_unknown_are_told_apart(program: Program) {
    let host = Host::new();
    let _daemon = host.start_daemon(program);
    for method in METHODS {
        host.expect(ACCEPTED, method, "alice", "right horse");
        host.expect(REFUSED, method, "alice", "wrong horse");
        host.expect(REFUSED, method, "nobody", "right horse");
    }
}

fn no_verdict_is_try_later_and_not_wrong_password(program: Program) {
    let host = Host::new();
    let daemon = host.start_daemon(program);
    host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
    daemon.stop();
    host.expect(TRY_LATER, Method::Plain, "alice", "right horse");
    let _daemon = host.start_daemon(program);
    host.expect(TRY_LATER, Method::Plain, "crash", "anything");
    host.expect(ACCEPTED, Method::Plain, "alice", "right horse");
}

/// A mail host with one user.
struct Host {
    service: PamService,
    exim: Exim,
}

impl Host {
    fn new() -> Self {
        let service = PamService::new(&[("alice@example.test", "right horse")]);
        let exim = Exim::new(Driver::Saslauthd { service: service.name() });
        Self { service, exim }
    }

    fn start_daemon(&self, program: Program) -> Daemon {
        Daemon::start(program, &self.exim.run_directory(), &["-a", "pam", "-c", "-r", "-n", "5"])
    }

    #[track_caller]
    fn expect(&self, start: &str, method: Method, login: &str, password: &str) {
        let reply = self.exim.authenticate(method, login, password);
        let service = self.service.name();
        assert!(reply.starts_with(start), "{method:?} {login:?} to {service}: {reply}, and not {start}");
    }
}
