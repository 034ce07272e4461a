//! Every role is traced while it serves a whole round of logins: no call that it makes in its sandbox may be refused. A
//! library that has learnt a new call, or a change here that needs a file, is found so, and not by those who run it.
//!
//! The kernel itself is the list: a call that is in no rule fails with ENOSYS, and so on, which the trace shows.

use crate::ldap::gssapi::Site;
use crate::sasldb::Database;
use crate::support::command::run;
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{
    Answer, AuthClient, Authority, Daemon, Dovecot, Engine, Entries, Launch, Nginx, PamService, Program,
    Request, Slapd, System, eventually,
};
use openssl::base64::encode_block;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// The name of IMAP and LDAP servers in the private /etc/hosts, so that workers look one up.
const NAME: &str = "servers.example.test";

/// The realm of the logins of sasldb.
const REALM: &str = "example.test";

/// The hash of `right`.
const HASH: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.";

/// With that each process enters its filter.
const ENTERED: &str = "prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER";

#[test]
fn no_process_needs_what_its_sandbox_refuses() {
    require!(Root, Mounts, Slapd, Dovecot, Nginx, Tool("strace"), Tool("saslpasswd2"));
    let traces = TempDir::new().unwrap();
    serve_a_round(&traces);
    let entered = eventually("all traces are written", || {
        let entered = entered(&traces);
        let has = |role: &str| entered.iter().any(|trace| trace.role == role);
        (has("frontend") && has("worker")).then_some(entered)
    });
    let frontends = entered.iter().filter(|trace| trace.role == "frontend").count();
    assert!(frontends >= 2, "one before the reload and one after it: {frontends}");
    for call in ["accept4(", "connect(", "sendto(", "epoll_wait("] {
        assert!(entered.iter().any(|trace| trace.calls.contains(call)), "{call} is in no trace");
    }
    let refused: Vec<_> = entered.iter().flat_map(Trace::refused).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Logins of all mechanisms, right and wrong; a reload, a killed worker, another syslog, all kinds of sockets.
fn serve_a_round(traces: &TempDir) {
    let authority = Authority::new();
    let trusted = authority.file();
    let [ldap_name, imap_name] = [format!("ldap.{NAME}"), NAME.to_owned()];
    let [imap, ldap] = [&imap_name, &ldap_name].map(|name| authority.issue(&[name]));
    let imap = Dovecot::new(&[("anna", "right")]).with_certificate(&imap).start();
    let ldap = Slapd::new(Entries::new().user("anna", "right")).with_certificate(&ldap).start();
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).start();
    let system = System::new().host(&imap_name, imap.address()).host(&ldap_name, ldap.address());
    let system = system.account("st-anna", "x", Some(&format!("{HASH}:19000:0:99999:7:::")));
    let system = system.sasldb(&Database::new().with("anna", REALM, "right").bytes());
    let log = system.syslog();
    let pam = PamService::of("pam_permit.so", "pam_permit.so");
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "-n", "1", "--log=both", "-V", "-c"]);
    let beside = launch.run_directory().with_file_name("auth");
    let logins = launch.run_directory().with_file_name("logins");
    fs::write(&logins, format!("anna:{HASH}\n")).unwrap();
    let sections: String = ["ldap", "rimap", "httpform", "shadow", "sasldb"]
        .map(|mechanism| format!("[service {mechanism}]\nmechanisms: {mechanism}\n"))
        .concat();
    let settings = format!(
        "passwdfile_path: {logins}\n\
         ldap_servers: {uri}\nldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\nldap_search_base: {PEOPLE}\n\
         ldap_tls_check_peer: yes\nldap_tls_cacert_dir: {directory}\n\
         rimap_servers: imaps://{NAME}:{port}\nrimap_tls_cacert_file: {trusted}\n\
         httpform_url: https://{secure}/login\nhttpform_data: u=%u&p=%p\nhttpform_tls_cacert_file: {trusted}\n\
         [service {pam}]\nmechanisms: pam\n{sections}",
        logins = logins.display(),
        uri = ldap.tls_uri().replace(&ldap.address().to_string(), &ldap_name),
        directory = authority.hashed_directory().display(),
        port = imap.tls_endpoint().rsplit(':').next().unwrap(),
        trusted = trusted.display(),
        secure = nginx.secure(),
        pam = pam.name(),
    );
    let trace = traces.path().join("trace").display().to_string();
    let daemon = launch
        .with(&[&format!("--socket={},protocol=dovecot,mode=0666", beside.display())])
        .with_file("--config", &settings)
        .with_open_directory()
        .inside(&system)
        // With -D it is no parent of the daemon.
        .behind(&["strace", "-D", "-ff", "-qq", "-o", &trace])
        .start();
    daemon.log.wait_for("listening on socket");
    let ask_all = || {
        for (service, login, password) in [
            ("smtp", "anna", "right"),
            ("ldap", "anna", "right"),
            ("rimap", "anna", "right"),
            ("httpform", LOGIN, PASSWORD),
            ("shadow", "st-anna", "right"),
            ("sasldb", "anna", "right"),
            (pam.name(), "anna", "right"),
        ] {
            let is_answered = |password, word: &str| {
                let realm = if service == "sasldb" { REALM } else { "" };
                let answer = daemon.ask(&Request::new(login, password).service(service).realm(realm));
                assert!(
                    matches!(&answer, Answer::Text(text) if text.starts_with(word)),
                    "{service}: {answer:?}"
                );
            };
            is_answered(password, "OK");
            if service != pam.name() {
                is_answered("wrong", "NO");
            }
        }
        let mut client = AuthClient::new(&beside).introduced(1);
        let response = encode_block(b"\0anna\0right");
        client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\n"));
        assert!(client.line().starts_with(r"OK\t1"));
        let mut control = Command::new(env!("CARGO_BIN_EXE_saslauthdctl"));
        control.arg("-m").arg(daemon.run_directory()).arg("status");
        assert_eq!(run(control).code, Some(0));
    };
    ask_all();
    system.remove_syslog();
    daemon.children("worker").iter().for_each(|worker| worker.signal("KILL"));
    daemon.ask(&Request::new("anna", "wrong"));
    let log_again = system.syslog();
    reload(&daemon);
    ask_all();
    log_again.wait_for("auth failure: ");
    assert!(log.all().iter().any(|line| line.contains("sandbox in force")));
    daemon.process.signal("TERM");
    eventually("the daemon has ended", || (!daemon.process.is_running()).then_some(()));
}

fn reload(daemon: &Daemon) {
    let frontend = daemon.children("frontend")[0].id;
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let frontends = daemon.children("frontend");
        (frontends.len() == 1 && frontends[0].id != frontend).then_some(())
    });
}

/// What a process did in its sandbox.
struct Trace {
    role: &'static str,
    calls: String,
}

impl Trace {
    fn refused(&self) -> Vec<String> {
        let lines = self.calls.lines().filter(|line| is_refused(line));
        lines.map(|line| format!("{}: {line}", self.role)).collect()
    }
}

/// By a filter or by Landlock; other errors are the kernel's own.
fn is_refused(line: &str) -> bool {
    let failed = |error: &str| line.contains(&format!("= -1 {error} "));
    let is = |call: &str| line.starts_with(call);
    line.contains("killed by SIGSYS")
        || failed("ENOSYS")
        || is("socket(") && failed("EAFNOSUPPORT")
        || (is("open") || is("mmap(") || is("mprotect(") || is("connect(") || is("bind(")) && failed("EACCES")
        || (is("clone") || is("tgkill(") || is("prlimit64(")) && failed("EPERM")
        || is("prctl(") && failed("EINVAL")
        || is("ioctl(") && failed("ENOTTY")
}

/// Of all processes that have entered a sandbox.
fn entered(traces: &TempDir) -> Vec<Trace> {
    let files = fs::read_dir(traces.path()).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    texts
        .filter_map(|text| {
            let role = if text.contains("[\"saslauthd: frontend\"") { "frontend" } else { "worker" };
            let (_, calls) = text.split_once(ENTERED)?;
            // The rest of that line is its own.
            let calls = calls.split_once('\n')?.1.to_owned();
            Some(Trace { role, calls })
        })
        .collect()
}

for_each_database!(workers_that_ask_a_database_need_nothing_that_their_sandbox_refuses);

/// The first connection, one that is made anew, and a server that is away.
fn workers_that_ask_a_database_need_nothing_that_their_sandbox_refuses(engine: Engine) {
    require!(Root, Tool("strace"));
    let traces = TempDir::new().unwrap();
    let trace = traces.path().join("trace").display().to_string();
    let mut database = engine.start();
    database.add("anna", "", Some("right")).add("otto", "", Some(&format!("{{CRYPT}}{HASH}")));
    let settings = format!(
        "{}sql_select: SELECT password FROM users WHERE login = '%u'\nsql_default_scheme: PLAIN\n",
        database.settings()
    );
    let launch = Launch::new(Program::Ours, &["-a", "sql", "-n", "1", "-V"]).with_file("--config", &settings);
    let daemon = launch.behind(&["strace", "-D", "-ff", "-qq", "-o", &trace]).start();
    let ask_all = || {
        for login in ["anna", "otto"] {
            assert_eq!(daemon.ask(&Request::new(login, "right")), "OK", "{login}");
            assert_eq!(daemon.ask(&Request::new(login, "wrong")), "NO", "{login}");
        }
        assert_eq!(daemon.ask(&Request::new("eva", "right")), "NO");
    };
    ask_all();
    database.end_connections();
    ask_all();
    database.stop();
    daemon.ask(&Request::new("anna", "right"));
    database.start_again();
    ask_all();
    daemon.process.signal("TERM");
    eventually("the daemon has ended", || (!daemon.process.is_running()).then_some(()));
    let entered = entered(&traces);
    let workers = entered.iter().filter(|trace| trace.role == "worker");
    assert!(workers.count() > 0, "no worker has entered a sandbox");
    let refused: Vec<_> = entered.iter().flat_map(Trace::refused).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// The first ticket, a new connection, a Kerberos server that is away and a keytab that changes.
#[test]
fn workers_that_log_in_by_kerberos_need_nothing_that_their_sandbox_refuses() {
    require!(Root, Slapd, Kerberos, GssapiOfSasl, Tool("strace"));
    let traces = TempDir::new().unwrap();
    let trace = traces.path().join("trace").display().to_string();
    let mut site = Site::start();
    let keytab = site.keytab();
    let settings = site.settings("bind", &format!("ldap_krb5_keytab: {}\n", keytab.display()));
    let launch = site.launch(Program::Ours, &settings, &[]);
    let daemon = launch.behind(&["strace", "-D", "-ff", "-qq", "-o", &trace]).start();
    let ask = |password: &str| daemon.ask(&Request::new("anna", password));
    assert_eq!(ask("right"), "OK");
    assert_eq!(ask("wrong"), "NO");
    site.kerberos.kill();
    reload(&daemon);
    assert_ne!(ask("right"), "OK");
    site.kerberos.resume();
    site.kerberos.change_key("service");
    fs::copy(site.kerberos.keytab("service", "new.keytab"), &keytab).unwrap();
    eventually("it serves again", || (ask("right") == "OK").then_some(()));
    daemon.process.signal("TERM");
    eventually("the daemon has ended", || (!daemon.process.is_running()).then_some(()));
    let entered = entered(&traces);
    let asks = |trace: &&Trace| trace.role == "worker" && trace.calls.contains("/proc/self/fd/");
    assert!(entered.iter().filter(asks).count() >= 2, "before the reload and after it");
    let refused: Vec<_> = entered.iter().flat_map(Trace::refused).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_refused_call_is_found_in_a_trace() {
    for line in [
        "listen(3, 5) = -1 ENOSYS (Function not implemented)",
        "openat(AT_FDCWD, \"/etc/x\", O_RDONLY) = -1 EACCES (Permission denied)",
        "+++ killed by SIGSYS +++",
    ] {
        assert!(is_refused(line), "{line}");
    }
    for line in ["openat(AT_FDCWD, \"/x\", O_RDONLY) = -1 ENOENT (No such file)", "close(3) = 0"] {
        assert!(!is_refused(line), "{line}");
    }
}
