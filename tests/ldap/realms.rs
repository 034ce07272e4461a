//! `[realm NAME]`: other settings for the logins of a realm. C has one configuration for all.

use super::{launch, searching};
use crate::support::{Answer, Daemon, Entries, Program, Request, RunningSlapd, Slapd};
use std::time::{Duration, Instant};

/// One server of its own for each of these, with one user of the same name.
struct Site {
    general: RunningSlapd,
    special: RunningSlapd,
    daemon: Daemon,
}

impl Site {
    fn start(flags: &[&str]) -> Self {
        let serve = |password: &str| Slapd::new(Entries::new().user("anna", password)).start();
        let (general, special) = (serve("of all"), serve("of special"));
        let settings = format!(
            "{}ldap_filter: uid=%U\n\n[realm special.test]\nldap_servers: {}\n",
            searching(&general.uri()),
            special.uri()
        );
        let daemon = launch(Program::Ours, &settings).with(flags).start();
        Self { general, special, daemon }
    }

    fn ask(&self, password: &str, realm: &str) -> Answer {
        self.daemon.ask(&Request::new("anna", password).realm(realm))
    }
}

#[test]
fn logins_of_a_realm_go_to_its_own_server() {
    require!(Slapd);
    let site = Site::start(&[]);
    for realm in ["", "other.test", "sub.special.test"] {
        assert_eq!(site.ask("of all", realm), "OK", "{realm}");
        assert_eq!(site.ask("of special", realm), "NO", "{realm}");
    }
    for realm in ["special.test", "SPECIAL.test"] {
        assert_eq!(site.ask("of special", realm), "OK", "{realm}");
        assert_eq!(site.ask("of all", realm), "NO", "{realm}");
    }
}

#[test]
fn a_realm_whose_server_hangs_holds_up_no_other() {
    require!(Slapd);
    let site = Site::start(&["--operation-timeout=2", "--total-timeout=2"]);
    assert_eq!(site.ask("of special", "special.test"), "OK");
    site.special.freeze();
    std::thread::scope(|scope| {
        let hanging: Vec<_> =
            (0..10).map(|_| scope.spawn(|| site.ask("of special", "special.test"))).collect();
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(site.ask("of all", ""), "OK");
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        for answer in hanging {
            assert_eq!(answer.join().unwrap(), Answer::Nothing);
        }
    });
    site.special.thaw();
    assert!(site.general.logged("BIND") > 0);
}
