//! What is asked of every program, with either daemon: the same questions and, but for two, the same answers.

use crate::inside::{
    Log, RUN_DIRECTORY, add_account, add_pam_service, collect_log, hash, start_saslauthd, stop_saslauthd,
    write,
};
use crate::machine::{self, Daemon};
use crate::support::{command, skipped};
use crate::table;

/// A program that depends on saslauthd, set up as its package or manual has it.
pub trait Program: Sync + Sized {
    /// Its name in the table.
    const NAME: &'static str;
    /// The package whose version the table names.
    const PACKAGE: &'static str;
    /// The layer that has its packages.
    const LAYER: &'static str;
    /// Files without which it cannot be tried.
    const FILES: &'static [&'static str];
    /// The PAM service that it names in its requests.
    const SERVICE: &'static str;
    /// Where it looks for the directory with the socket.
    const RUN_DIRECTORY: &'static str = RUN_DIRECTORY;
    /// More flags that saslauthd needs for it.
    const FLAGS: &'static str = "";
    /// What it says to a right password.
    const YES: &'static str;
    /// What it says to a wrong one.
    const NO: &'static str;
    /// What it says when it got no answer.
    const NOTHING: &'static str;
    /// What becomes of a realm.
    const REALM: Realm;
    /// How many clients ask at once.
    const AT_ONCE: usize = 50;
    /// A login with a password of UTF-8, and itself of UTF-8 if it can be.
    const UTF_8: &'static str = "jörg";
    /// Whether a password of 300 bytes comes through.
    const LONG: bool = true;
    /// Whether C can serve it.
    const WITH_C: bool = true;

    /// Makes what saslauthd needs to be there.
    fn prepare() {}

    /// Sets it up and starts it, on a machine of its own.
    fn start() -> Self;

    /// What it says about this login and password, in a word.
    fn log_in(&self, login: &str, password: &str) -> String;

    /// Its version.
    fn version() -> String {
        let mut query = std::process::Command::new("dpkg-query");
        query.args(["--show", "--showformat=${Version}", Self::PACKAGE]);
        command::run(query).output
    }
}

/// What a program makes of a login with a realm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    /// The realm goes into a string of its own, and `-r` puts it back.
    Apart,
    /// The login goes as it is.
    Within,
    /// It names this realm itself, and it is the same for all.
    Own,
    /// It takes no login without one.
    Needed,
}

const RIGHT: &str = "right horse";
const OF_REALM: &str = "realm horse";
const SPECIAL: &str = r#"p"a\s'%u{x}$y&;<*>`~#"#;
const UTF_8: &str = "größer als 5 €";

fn users() -> Vec<(&'static str, String)> {
    let user = |login, password: &str| (login, password.to_owned());
    vec![
        user("alice", RIGHT),
        user("alice@example.test", OF_REALM),
        user("special", SPECIAL),
        user("jörg", UTF_8),
        user("joerg", UTF_8),
        user("long", &"0123456789".repeat(30)),
        user("offline", RIGHT),
    ]
}

/// The test of a program: tries it with both daemons, each on a machine of its own, and compares with the table.
pub fn test<P: Program>(name: &str) {
    if let Some(daemon) = Daemon::here() {
        return Trial::<P>::start(daemon).run();
    }
    if let Some(missing) = machine::missing(P::LAYER, P::FILES) {
        return skipped::skip(name, &missing);
    }
    let (ours, c) = std::thread::scope(|scope| {
        let c = P::WITH_C.then(|| scope.spawn(|| machine::run(P::LAYER, Daemon::C, name)));
        let ours = machine::run(P::LAYER, Daemon::Ours, name);
        (ours, c.map(|thread| thread.join().expect("the C daemon passed")))
    });
    table::compare::<P>(c.as_deref(), &ours);
}

/// A program on a machine with a daemon.
struct Trial<P> {
    daemon: Daemon,
    program: P,
    _log: Log,
}

impl<P: Program> Trial<P> {
    fn start(daemon: Daemon) -> Self {
        let log = collect_log();
        let users = users();
        let users: Vec<_> = users.iter().map(|(login, password)| (*login, password.as_str())).collect();
        add_pam_service(P::SERVICE, &users);
        add_account("anna", "shadow horse");
        write("/etc/passwdfile", &format!("berta:{}\n", hash("file horse")));
        P::prepare();
        // A daemon that is there first: some look for the socket as they start.
        start_saslauthd(P::RUN_DIRECTORY, &format!("-a pam -c {}", P::FLAGS));
        println!();
        Self { daemon, program: P::start(), _log: log }
    }

    fn run(&self) {
        table::print("version", &P::version());
        self.verdicts();
        self.differences();
        self.faults();
        self.restart("-a pam -r");
        self.realm_appended();
        self.restart("-a shadow");
        self.expect(P::YES, &self.login("anna"), "shadow horse");
        self.expect(P::NO, &self.login("anna"), RIGHT);
        if self.daemon == Daemon::Ours {
            self.restart("-a passwdfile -O /etc/passwdfile");
            self.expect(P::YES, &self.login("berta"), "file horse");
            self.expect(P::NO, &self.login("berta"), RIGHT);
        }
        stop_saslauthd(P::RUN_DIRECTORY);
    }

    fn verdicts(&self) {
        let alice = self.login("alice");
        table::print("yes", &self.expect(P::YES, &alice, RIGHT));
        table::print("no", &self.expect(P::NO, &alice, "wrong horse"));
        self.expect(P::NO, &self.login("nobody"), RIGHT);
        self.expect(P::NO, &alice, "right hors");
        assert_ne!(self.ask(&alice, ""), P::YES, "an empty password");
        self.expect(P::YES, &self.login("special"), SPECIAL);
        self.expect(P::NO, &self.login("special"), &SPECIAL[1..]);
        self.expect(P::YES, &self.login(P::UTF_8), UTF_8);
        self.expect(P::NO, &self.login(P::UTF_8), "grosser als 5 €");
        match P::REALM {
            Realm::Apart => self.expect_both(RIGHT, OF_REALM),
            Realm::Within => self.expect_both(OF_REALM, RIGHT),
            Realm::Own | Realm::Needed => {}
        }
        self.all_at_once(&alice);
    }

    /// What is so with one daemon and not with the other, as docs/COMPATIBILITY.md says and why.
    fn differences(&self) {
        let no_verdict = self.daemon.choose(P::NO, P::NOTHING);
        table::print("PAM cannot tell", &self.expect(no_verdict, &self.login("offline"), RIGHT));
        if P::LONG {
            let verdict = self.daemon.choose(P::NO, P::YES);
            let password = "0123456789".repeat(30);
            table::print("300 bytes", &self.expect(verdict, &self.login("long"), &password));
            self.expect(P::NO, &self.login("long"), &password[1..]);
        }
    }

    fn faults(&self) {
        let alice = self.login("alice");
        table::print("worker killed", &self.expect(P::NOTHING, &self.login("crash"), RIGHT));
        self.restart("-a pam -c");
        self.expect(P::YES, &alice, RIGHT);
        stop_saslauthd(P::RUN_DIRECTORY);
        table::print("stopped", &self.expect(P::NOTHING, &alice, RIGHT));
        self.expect(P::NOTHING, &alice, "wrong horse");
        start_saslauthd(P::RUN_DIRECTORY, &format!("-a pam -c {}", P::FLAGS));
        self.expect(P::YES, &alice, RIGHT);
    }

    fn realm_appended(&self) {
        match P::REALM {
            Realm::Apart | Realm::Within | Realm::Needed => self.expect_both(OF_REALM, RIGHT),
            Realm::Own => {
                self.expect(P::YES, "alice", OF_REALM);
                self.expect(P::NO, "alice", RIGHT);
            }
        }
    }

    fn all_at_once(&self, login: &str) {
        let replies = std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..P::AT_ONCE).map(|_| scope.spawn(|| self.program.log_in(login, RIGHT))).collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(replies.iter().all(|reply| reply == P::YES), "all at once: {replies:?}");
    }

    fn expect_both(&self, right: &str, wrong: &str) {
        self.expect(P::YES, "alice@example.test", right);
        self.expect(P::NO, "alice@example.test", wrong);
    }

    fn restart(&self, flags: &str) {
        stop_saslauthd(P::RUN_DIRECTORY);
        start_saslauthd(P::RUN_DIRECTORY, &format!("{flags} {}", P::FLAGS));
    }

    /// A login as this program takes it.
    fn login(&self, name: &str) -> String {
        match P::REALM {
            Realm::Needed => format!("{name}@example.test"),
            Realm::Apart | Realm::Within | Realm::Own => name.to_owned(),
        }
    }

    fn ask(&self, login: &str, password: &str) -> String {
        self.program.log_in(login, password)
    }

    #[track_caller]
    fn expect(&self, word: &str, login: &str, password: &str) -> String {
        let reply = self.ask(login, password);
        assert_eq!(reply, word, "{} about {login:?} {password:?} with {:?}", P::NAME, self.daemon);
        reply
    }
}
