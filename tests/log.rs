//! What arrives at syslog: the lines that logwatch, fail2ban and administrators' own scripts look for.

use crate::support::lines::Lines;
use crate::support::{Launch, PamService, Probed, Program, Request, System, eventually};

for_both!(
    a_refused_login_is_logged_with_its_reason,
    accepted_logins_are_logged_only_with_v,
    what_pam_says_to_a_refusal_is_logged_without_v_too,
    start_and_end_are_logged,
    refused_requests_are_logged_as_errors,
    a_module_logs_under_the_name_and_number_of_its_process,
    a_syslog_that_is_a_stream_gets_the_lines_of_daemon_and_modules,
);

/// In 2.1.27 and 2.1.28 a lost macro leaves blanks where the function's name was; logwatch needs the name.
fn line(program: Program, function: &str, text: &str) -> String {
    let function = program.better("logwatch's patterns begin with it", "", function);
    format!("{function:16}: {text}")
}

/// Facility auth: 4 * 8 and the level.
const ERROR: &str = "<35>";
const INFO: &str = "<38>";
const DEBUG: &str = "<39>";

fn a_refused_login_is_logged_with_its_reason(program: Program) {
    require!(Root, Compiler, Mounts);
    let (site, log) = logged(program, &["-r"]);
    site.daemon.ask(&site.probe.request("anna", "wrong").realm("example.org"));
    site.daemon.ask(&site.probe.request("expired", "right"));
    let name = site.probe.name();
    for (login, realm, reason) in
        [("anna@example.org", "example.org", "PAM auth error"), ("expired", "", "PAM acct error")]
    {
        let text = format!(
            "auth failure: [user={login}] [service={name}] [realm={realm}] [mech=pam] [reason={reason}]"
        );
        let seen = log.wait_for(&text);
        assert!(seen.starts_with(INFO), "{seen}");
        assert_eq!(without_head(&seen), line(program, "do_auth", &text));
    }
}

fn accepted_logins_are_logged_only_with_v(program: Program) {
    require!(Root, Compiler, Mounts);
    let (site, log) = logged(program, &["-c", "-V"]);
    site.daemon.ask(&site.probe.request("anna", "right"));
    let name = site.probe.name();
    let text = format!("auth success: [user=anna] [service={name}] [realm=] [mech=pam]");
    let seen = log.wait_for(&text);
    assert!(seen.starts_with(DEBUG), "{seen}");
    assert_eq!(without_head(&seen), line(program, "do_auth", &text));
    site.daemon.ask(&site.probe.request("anna", "right"));
    let text = format!("auth success (cached): [user=anna] [service={name}] [realm=]");
    let seen = log.wait_for(&text);
    assert!(seen.starts_with(DEBUG), "{seen}");
    let (quiet, log) = quietly_logged(program);
    quiet.daemon.ask(&quiet.probe.request("anna", "right"));
    quiet.daemon.ask(&quiet.probe.request("anna", "wrong"));
    log.wait_for("auth failure");
    assert!(!log.all().iter().any(|line| line.contains("auth success")), "{:#?}", log.all());
}

/// C hands these lines to syslog at the level of debugging whatever its flags are.
fn what_pam_says_to_a_refusal_is_logged_without_v_too(program: Program) {
    require!(Root, Compiler, Mounts);
    let (site, log) = quietly_logged(program);
    for (login, password, text) in [
        ("anna", "wrong", "pam_authenticate failed: Authentication failure"),
        ("expired", "right", "pam_acct_mgmt failed: User account has expired"),
        (
            "offline",
            "right",
            "pam_authenticate failed: Authentication service cannot retrieve authentication info",
        ),
    ] {
        site.daemon.ask(&site.probe.request(login, password));
        let seen = log.wait_for(text);
        assert!(seen.starts_with(DEBUG), "{seen}");
        assert_eq!(without_head(&seen), format!("DEBUG: auth_pam: {text}"));
    }
}

fn start_and_end_are_logged(program: Program) {
    require!(Root, Mounts);
    let system = System::new();
    let log = system.syslog();
    let daemon = Launch::new(program, &["-a", "getpwent"]).inside(&system).start_detached();
    let id = daemon.process.id;
    let texts = [
        ("detach_tty", format!("master pid is: {id}")),
        ("ipc_init", format!("listening on socket: {}", daemon.socket().display())),
        ("server_exit", format!("master exited: {id}")),
    ];
    // C's children log its end as well when the signal comes before they know that they are children.
    eventually("all processes run", || (daemon.process.children().len() >= 4).then_some(()));
    daemon.wait_until_idle();
    daemon.process.signal("TERM");
    for (function, text) in texts {
        let seen = log.wait_for(&text);
        assert!(seen.starts_with(INFO), "{seen}");
        assert!(seen.contains(&format!(" saslauthd[{id}]: ")), "{seen}");
        assert_eq!(without_head(&seen), line(program, function, &text));
    }
}

fn refused_requests_are_logged_as_errors(program: Program) {
    require!(Root, Compiler, Mounts);
    let (site, log) = logged(program, &[]);
    site.ask("", "right");
    site.ask("anna", "");
    let limit = program.better("tokens used as passwords are longer", 256, 1024);
    site.daemon.connect().send([0xff; 2]).receive();
    let too_long = format!("login exceeded MAX_REQ_LEN: {limit}");
    for text in ["NULL login received", "NULL password received", &too_long] {
        let seen = log.wait_for(text);
        assert!(seen.starts_with(ERROR), "{seen}");
        assert_eq!(without_head(&seen), line(program, "do_request", text));
    }
}

/// fail2ban's pam-generic reads this line.
fn a_module_logs_under_the_name_and_number_of_its_process(program: Program) {
    require!(Root, Mounts);
    let system =
        System::new().account("st-log", "x", Some("$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.:19000:0:99999:7:::"));
    let log = system.syslog();
    let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
    let daemon = Launch::new(program, &["-a", "pam"]).inside(&system).start();
    let request = Request::new("st-log", "wrong").service(service.name()).address("192.0.2.7;4711");
    assert_eq!(daemon.ask(&request), "NO PAM auth error");
    let seen = log.wait_for("pam_unix(");
    let (head, text) = seen.split_once("]: ").unwrap();
    let (_, id) = head.rsplit_once(" saslauthd[").expect("the name of the daemon stands before the line");
    // C's master serves too.
    let own = daemon.process.children().into_iter().chain([daemon.process.clone()]);
    assert!(own.into_iter().any(|process| process.id.to_string() == id), "{seen}");
    let client = program.better("2.1.28 does not know the client", "", "192.0.2.7");
    let expected = format!(
        "pam_unix({}:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost={client}  user=st-log",
        service.name()
    );
    assert_eq!(text, expected);
}

/// As glibc's syslog(3) finds out.
fn a_syslog_that_is_a_stream_gets_the_lines_of_daemon_and_modules(program: Program) {
    require!(Root, Mounts);
    let system = System::new().account("st-log", "x", Some("*:19000:0:99999:7:::"));
    let log = system.stream_syslog();
    let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
    let daemon = Launch::new(program, &["-a", "pam"]).inside(&system).start();
    for _ in 0..3 {
        let request = Request::new("st-log", "wrong").service(service.name());
        assert_eq!(daemon.ask(&request), "NO PAM auth error");
    }
    for text in [format!("pam_unix({}:auth): authentication failure", service.name()), "[user=st-log]".into()]
    {
        let times = || log.all().iter().filter(|record| record.contains(&text)).count();
        eventually("it is logged each time", || (times() == 3).then_some(()));
    }
    // pam_unix of Debian 13 has a program that logs by itself.
    for record in log.all() {
        assert!(record.starts_with('<') && record.matches(" saslauthd[").count() <= 1, "{record:?}");
    }
}

/// At the end of the line, where logwatch's pattern does not mind it.
#[test]
fn the_client_is_logged_when_it_was_sent() {
    require!(Root, Compiler, Mounts);
    let (site, log) = logged(Program::Ours, &[]);
    site.daemon.ask(&site.probe.request("anna", "wrong").address("2001:db8::7;25"));
    site.daemon.ask(&site.probe.request("berta", "wrong").address(""));
    assert!(log.wait_for("[user=anna]").ends_with(" [reason=PAM auth error] [remote=2001:db8::7]"));
    assert!(log.wait_for("[user=berta]").ends_with(" [reason=PAM auth error]"));
}

#[test]
fn a_login_that_could_not_be_checked_is_a_warning_and_no_failure() {
    require!(Root, Compiler, Mounts);
    let (site, log) = logged(Program::Ours, &[]);
    site.ask("segv", "right");
    let start =
        format!("auth unavailable: [user=segv] [service={}] [realm=] [mech=pam] [reason=", site.probe.name());
    let seen = log.wait_for(&start);
    assert!(seen.starts_with("<36>"), "{seen}");
    assert!(without_head(&seen).starts_with(&format!("do_auth         : {start}")), "{seen}");
    assert!(!log.all().iter().any(|line| line.contains("auth failure")), "{:#?}", log.all());
}

#[test]
fn log_chooses_between_syslog_and_the_standard_error() {
    require!(Root, Compiler, Mounts);
    for (flag, in_syslog, on_stderr) in [
        ("--log=syslog", true, false),
        ("--log=stderr", false, true),
        ("--log=both", true, true),
        ("--log=auto", true, true),
    ] {
        let (site, log) = logged(Program::Ours, &[flag]);
        site.ask("anna", "wrong");
        let text = "[user=anna]";
        if in_syslog {
            log.wait_for(text);
        }
        if on_stderr {
            site.daemon.log.wait_for(text);
        }
        let has = |lines: &Lines| lines.all().iter().any(|line| line.contains(text));
        assert_eq!((has(&log), has(&site.daemon.log)), (in_syslog, on_stderr), "{flag}");
    }
}

fn logged(program: Program, flags: &[&str]) -> (Probed, Lines) {
    let system = System::new();
    let log = system.syslog();
    (Probed::launch(Launch::new(program, flags).inside(&system)), log)
}

/// As an init script starts it: without `-d`, which would imply `-V`.
fn quietly_logged(program: Program) -> (Probed, Lines) {
    let system = System::new();
    let log = system.syslog();
    (Probed::launch_detached(Launch::new(program, &[]).inside(&system)), log)
}

/// The line behind `<level>time saslauthd[PID]: `.
fn without_head(line: &str) -> &str {
    line.split_once("]: ").unwrap_or_else(|| panic!("no head in {line:?}")).1
}
