//! PAM stacks that cannot tell: what clients and log readers get, and that nobody guesses for free by them.

use crate::support::kerberos::Kerberos;
use crate::support::{Launch, PamService, Program, Request, System, fail2ban};
use std::time::{Duration, Instant};

for_both!(
    every_name_of_a_kerberos_principal_logs_in,
    a_login_of_a_realm_without_servers_is_unavailable,
    an_account_without_a_shadow_line_is_unavailable_after_the_delay_of_pam_unix,
    a_stack_that_ends_in_pam_deny_hides_an_outage_unless_the_module_may_end_it,
);

/// The text of C, and the reason of the close.
const WHY: &str = "Postfix makes 535 of NO, and 454 of a close";

fn every_name_of_a_kerberos_principal_logs_in(program: Program) {
    require!(Root, Kerberos);
    let server = Kerberos::start(&[("anna", "right"), ("first.last", "right")]);
    let service = PamService::of(&Kerberos::module(), &Kerberos::module());
    for (flags, login, realm) in [
        (&["-a", "pam"][..], "anna", ""),
        (&["-a", "pam"], "anna@EXAMPLE.ORG", ""),
        (&["-a", "pam"], "first.last@EXAMPLE.ORG", ""),
        (&["-a", "pam", "-r"], "anna", "EXAMPLE.ORG"),
    ] {
        let daemon = server.reached_by(Launch::new(program, flags)).start();
        let request = |password: &str| Request::new(login, password).service(service.name()).realm(realm);
        assert_eq!(daemon.ask(&request("right")), "OK", "{login} {realm}");
        assert_eq!(daemon.ask(&request("wrong")), "NO PAM auth error", "{login} {realm}");
        if program == Program::Ours && login.contains('@') {
            let account = login.split('@').next().unwrap();
            daemon.log.wait_for(&format!("[user={login}] is [user={account}] to the PAM modules"));
        }
    }
}

fn a_login_of_a_realm_without_servers_is_unavailable(program: Program) {
    require!(Root, Kerberos, Mounts);
    let server = Kerberos::start(&[]);
    let service = PamService::of(&Kerberos::module(), &Kerberos::module());
    let system = System::new();
    let log = system.syslog();
    let daemon = server.reached_by(Launch::new(program, &["-a", "pam"]).inside(&system)).start();
    for login in ["info@example.org", "a@b@c"] {
        let request = Request::new(login, "guess").service(service.name());
        let answer = daemon.ask(&request);
        assert!(program.better(WHY, answer.is_no(), answer.is_none()), "{answer:?}");
        let word = program.better("nobody is to be banned for an outage", "failure", "unavailable");
        let name = service.name();
        log.wait_for(&format!("auth {word}: [user={login}] [service={name}] [realm=] [mech=pam] [reason="));
    }
}

fn an_account_without_a_shadow_line_is_unavailable_after_the_delay_of_pam_unix(program: Program) {
    require!(Root, Mounts);
    let system = System::new().account("st-pam", "x", None);
    let service = PamService::of("pam_unix.so", "pam_unix.so");
    let daemon = Launch::new(program, &["-a", "pam"]).inside(&system).start();
    let start = Instant::now();
    let answer = daemon.ask(&Request::new("st-pam", "guess").service(service.name()));
    assert!(program.better(WHY, answer.is_no(), answer.is_none()), "{answer:?}");
    // libpam takes a random half of the 2 seconds away or adds it.
    assert!(start.elapsed() >= Duration::from_millis(990), "answered after {:?}", start.elapsed());
}

/// The stack of Debian's common-auth, and the one that docs/ADMINISTRATION.md has in its place.
fn a_stack_that_ends_in_pam_deny_hides_an_outage_unless_the_module_may_end_it(program: Program) {
    require!(Root);
    let stack = |local: &str, directory: &str, outage: &str| {
        PamService::new(&format!(
            "auth [success=2 default=ignore] pam_debug.so auth={local}\n\
             auth [success=1 {outage} default=ignore] pam_debug.so auth={directory}\n\
             auth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n"
        ))
    };
    let daemon = Launch::new(program, &["-a", "pam"]).start();
    let ask = |service: &PamService| daemon.ask(&Request::new("user", "right").service(service.name()));
    assert_eq!(ask(&stack("auth_err", "authinfo_unavail", "")), "NO PAM auth error");
    let remedy = "authinfo_unavail=die";
    let answer = ask(&stack("auth_err", "authinfo_unavail", remedy));
    assert!(program.better(WHY, answer.is_no(), answer.is_none()), "{answer:?}");
    assert_eq!(
        ask(&stack("success", "authinfo_unavail", remedy)),
        "OK",
        "local accounts do not need the directory"
    );
    assert_eq!(ask(&stack("auth_err", "success", remedy)), "OK");
    assert_eq!(ask(&stack("auth_err", "auth_err", remedy)), "NO PAM auth error");
}

#[test]
fn fail2ban_finds_refused_logins_and_in_its_own_mode_unavailable_ones() {
    require!(Root, Compiler, Mounts, Fail2ban);
    let system = System::new();
    let log = system.syslog();
    let site = crate::support::Probed::launch(Launch::new(Program::Ours, &[]).inside(&system));
    let ask = |login: &str, address: &str| {
        site.daemon.ask(&site.probe.request(login, "wrong").address(format!("{address};4711")));
        log.wait_for(&format!("[remote={address}]"));
    };
    ask("anna", "192.0.2.7");
    ask("offline", "2001:db8::8");
    ask("offline", "192.0.2.9");
    // Nobody gets another one banned by what they call themselves.
    ask("anna] [service=] [realm=] [mech=pam] [reason=] [remote=198.51.100.1]", "192.0.2.10");
    for (mode, found) in [
        ("normal", &["192.0.2.7", "192.0.2.10"][..]),
        ("unavailable", &["2001:db8::8", "192.0.2.9"]),
        ("all", &["192.0.2.7", "2001:db8::8", "192.0.2.9", "192.0.2.10"]),
    ] {
        assert_eq!(fail2ban::addresses_found(&log.all(), mode), found, "{mode}");
    }
    let several: Vec<_> =
        log.all().iter().map(|line| line.replace("[mech=pam]", "[mech=pam,corp-2]")).collect();
    let found = fail2ban::addresses_found(&several, "normal");
    assert_eq!(found, ["192.0.2.7", "192.0.2.10"], "asked of several mechanisms");
}
