//! With `-V` a number ties together what frontend, workers and PAM modules say about one login.

use crate::support::lines::Lines;
use crate::support::{Launch, PamService, Probed, Program, Request, System, eventually};

const NUMBERED: &str = "]: DEBUG: login ";

#[test]
fn the_lines_of_pam_modules_stand_behind_the_number_of_the_login_in_the_same_process() {
    require!(Root, Mounts);
    let system = System::new().account("st-log", "x", Some("*:19000:0:99999:7:::"));
    let log = system.syslog();
    let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
    let launch = Launch::new(Program::Ours, &["-V", "-n", "1", "-a", "pam"]).inside(&system);
    let daemon = launch.start_detached();
    for login in ["st-log", "nobody", "st-log"] {
        daemon.ask(&Request::new(login, "wrong").service(service.name()));
    }
    eventually("all are over", || (ends(&log).len() == 3).then_some(()));
    let worker = daemon.children("worker")[0].id;
    let of_worker = format!(" saslauthd[{worker}]: ");
    let lines = log.all();
    let mut number = None;
    let mut of_modules = 0;
    for line in lines.iter().filter(|line| line.contains(&of_worker)) {
        if let Some(checked) = numbered(line, "is checked here") {
            number = Some(checked);
        } else if line.contains("pam_unix(") && line.contains("user=") {
            let (number, login) = number.as_ref().expect("the number comes first");
            assert!(line.ends_with(&format!("user={login}")), "{line} under {number}");
            of_modules += 1;
        }
    }
    assert_eq!(of_modules, 3, "{lines:#?}");
}

#[test]
fn a_login_has_one_number_from_request_to_verdict_whatever_the_mechanism() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch_detached(Launch::new(Program::Ours, &["-V", "-c"]).inside(&system));
    for (login, password) in [("anna", "right"), ("berta", "wrong"), ("offline", "right")] {
        site.ask(login, password);
    }
    for (login, verdict) in [("anna", "accepted"), ("berta", "refused"), ("offline", "undecided")] {
        let end = log.wait_for(&format!("is {verdict} for {login}"));
        let (number, _) = numbered(&end, "is ").unwrap();
        for step in ["begins", "is checked here"] {
            log.wait_for(&format!("{NUMBERED}{number}: {step} for {login}"));
        }
    }
    site.ask("anna", "right");
    log.wait_for("auth success (cached)");
    assert_eq!(ends(&log).len(), 3, "nobody was asked, so there is nothing to tie");

    let system = System::new();
    let log = system.syslog();
    let rimap = Launch::new(Program::Ours, &["-V", "-a", "rimap", "-O", "127.0.0.1/1"]).inside(&system);
    rimap.start_detached().ask(&Request::new("anna", "right"));
    let (number, _) = numbered(&log.wait_for("is undecided for anna"), "is ").unwrap();
    log.wait_for(&format!("{NUMBERED}{number}: goes to the servers of rimap for anna"));
}

#[test]
fn no_number_comes_twice_after_a_reload() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch_detached(Launch::new(Program::Ours, &["-V"]).inside(&system));
    site.ask("anna", "right");
    let before = site.daemon.children("frontend")[0].id;
    site.daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let frontends = site.daemon.children("frontend");
        (frontends.len() == 1 && frontends[0].id != before).then_some(())
    });
    site.ask("anna", "right");
    eventually("both are over", || (ends(&log).len() == 2).then_some(()));
    let ends = ends(&log);
    assert_ne!(ends[0], ends[1]);
    assert_eq!(ends[0], format!("{before}.1"), "by its process and its place there");
}

#[test]
fn without_v_there_are_no_numbers() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch_detached(Launch::new(Program::Ours, &[]).inside(&system));
    site.ask("anna", "wrong");
    log.wait_for("auth failure: [user=anna]");
    assert!(!log.all().iter().any(|line| line.contains(NUMBERED)), "{:#?}", log.all());
}

/// The numbers of the logins that are over.
fn ends(log: &Lines) -> Vec<String> {
    let is_end = |line: &String| {
        line.contains("is accepted for")
            || line.contains("is refused for")
            || line.contains("is undecided for")
    };
    log.all().iter().filter(|line| is_end(line)).filter_map(|line| Some(numbered(line, "is ")?.0)).collect()
}

/// Number and login of such a line, if its words begin so.
fn numbered(line: &str, words: &str) -> Option<(String, String)> {
    let (number, rest) = line.split_once(NUMBERED)?.1.split_once(": ")?;
    let login = rest.strip_prefix(words)?.split_once("for ")?.1;
    Some((number.to_owned(), login.to_owned()))
}
