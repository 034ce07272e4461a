//! A daemon as supervisord runs it in mail servers' containers: with -d, its output in a file, started again when it ends.

use crate::support::process::all;
use crate::support::supervisord::Supervisord;
use crate::support::{Answer, Connection, Dovecot, Process, Program, Request, RunningDovecot, eventually};

for_both!(the_flags_of_a_mail_servers_container_serve_and_log);

/// As docker-mailserver has it, but that it starts by itself.
const RIMAP: &str = r#"
[program:saslauthd_rimap]
startsecs=0
autostart=true
autorestart=true
stdout_logfile=LOG
stderr_logfile=LOG
command=/usr/sbin/saslauthd -d -a rimap -r -O "%(ENV_SASLAUTHD_MECH_OPTIONS)s"
pidfile=/var/run/saslauthd/saslauthd.pid
"#;

fn start(program: Program) -> (RunningDovecot, Supervisord) {
    let server = Dovecot::new(&[("anna@example.org", "right")]).start();
    let supervisord = Supervisord::start(program, RIMAP, &server.option());
    eventually("it serves", || ask(&supervisord, "right").filter(Answer::is_ok));
    (server, supervisord)
}

fn ask(supervisord: &Supervisord, password: &str) -> Option<Answer> {
    let mut connection = Connection::try_new(&supervisord.path("/run/saslauthd/mux")).ok()?;
    Some(
        connection
            .send(Request::new("anna", password).service("imap").realm("example.org").bytes())
            .receive(),
    )
}

/// The process that supervisord has started, when it is the daemon.
fn daemon(supervisord: &Supervisord) -> Option<Process> {
    let [started] = &supervisord.started()[..] else { return None };
    (started.arguments().first()? == "/usr/sbin/saslauthd").then(|| started.clone())
}

fn the_flags_of_a_mail_servers_container_serve_and_log(program: Program) {
    require!(Root, Mounts, CDaemon, Dovecot, Supervisord);
    let (_server, supervisord) = start(program);
    assert!(ask(&supervisord, "wrong").unwrap().is_no());
    let failure = "auth failure: [user=anna@example.org] [service=imap] [realm=example.org] [mech=rimap]";
    eventually("the failure is logged", || supervisord.log().contains(failure).then_some(()));
}

/// C leaves its workers behind when it is killed, and may hang when it is to end.
#[test]
fn supervisord_starts_it_again_and_ends_it_with_all_its_processes() {
    require!(Root, Mounts, CDaemon, Dovecot, Supervisord);
    let (_server, supervisord) = start(Program::Ours);
    let first = daemon(&supervisord).unwrap();
    first.signal("KILL");
    eventually("another one is started and serves", || {
        daemon(&supervisord).filter(|next| *next != first)?;
        ask(&supervisord, "right").filter(Answer::is_ok)
    });
    let last = daemon(&supervisord).unwrap();
    let processes = [last.children(), vec![last]].concat();
    supervisord.background.signal("TERM");
    eventually("all that supervisord has started has ended", || {
        let alive = all();
        (!processes.iter().any(|process| alive.contains(process))).then_some(())
    });
}
