use super::*;
use crate::job::Errand;
use crate::net::exchange::{Address, PoolSettings, Server, Sharing, Timeouts, TlsSettings};
use crate::net::testing::certificates::{Identity, Wanted};
use crate::net::testing::line::Lines;
use crate::net::testing::peer::{Peer, answer_lines, read_line};
use crate::net::testing::rig::{Rig, pool};
use crate::outcome::Outcome;
use crate::secret;
use crate::sys::testing::passes_in_own_process;
use std::fs::File;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

fn honest() -> Peer {
    Peer::start(|stream, _| answer_lines(stream))
}

fn local(peer: &Peer) -> Server {
    peer.server("127.0.0.1", TlsMode::Off)
}

/// A server that nobody runs.
fn nobody() -> Server {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    local(&Peer::at(address))
}

fn no() -> Outcome {
    Outcome::reject("no")
}

fn kind(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unavailable(refusal) => &refusal.text,
        Outcome::Accept(_) => "accepted",
        Outcome::Reject(_) => "rejected",
    }
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unavailable(refusal) | Outcome::Reject(refusal) => &refusal.reason,
        Outcome::Accept(_) => "",
    }
}

#[test]
fn a_login_is_decided_as_the_server_says() {
    let peer = honest();
    for sharing in [Sharing::OneShot, Sharing::Sequential, Sharing::Pipelined(4)] {
        let mut rig = Rig::new(PoolSettings { sharing, ..pool(vec![local(&peer)]) });
        rig.login(1, b"right");
        rig.login(2, b"wrong");
        assert_eq!(rig.outcome(1), Outcome::ACCEPT);
        assert_eq!(rig.outcome(2), no());
    }
}

#[test]
fn connections_are_shared_as_the_pool_says() {
    for (sharing, logins, connections) in
        [(Sharing::OneShot, 3, 3), (Sharing::Sequential, 3, 1), (Sharing::Pipelined(100), 100, 1)]
    {
        let peer = honest();
        let mut rig = Rig::new(PoolSettings { sharing, most_connections: 1, ..pool(vec![local(&peer)]) });
        (0..logins).for_each(|login| rig.login(login, b"right"));
        rig.until(|rig| rig.decided.len() as u64 == logins);
        assert!(rig.decided.iter().all(|(_, outcome)| *outcome == Outcome::ACCEPT));
        assert_eq!(peer.connections(), connections, "{sharing:?}");
    }
}

#[test]
fn a_server_behind_a_path_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || answer_lines(listener.accept().unwrap().0));
    let server =
        |path: PathBuf| Server { address: Address::Path(path), tls: TlsMode::Off, name: "unix".to_owned() };
    let mut rig = Rig::new(pool(vec![server(path)]));
    rig.login(1, b"right");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    let mut rig = Rig::new(pool(vec![server(directory.path().join("absent"))]));
    rig.login(1, b"right");
    let outcome = rig.outcome(1);
    assert_eq!(kind(&outcome), "Contact");
    assert!(reason(&outcome).contains("No such file or directory"), "{}", reason(&outcome));
}

#[test]
fn a_name_is_resolved_by_a_worker() {
    let peer = honest();
    let mut rig = Rig::new(pool(vec![peer.server("mail.example.org", TlsMode::Off)]));
    rig.login(1, b"right");
    let expected = (String::from("mail.example.org"), peer.address.port().to_string());
    assert!(matches!(rig.errands.as_slice(), [(_, Errand::Resolve { host, service })]
            if (host, service) == (&expected.0, &expected.1)));
    rig.answer_errand(ErrandResult::Addresses(vec![peer.address]));
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
}

#[test]
fn a_name_that_nobody_knows_is_unavailable() {
    let mut rig = Rig::new(pool(vec![honest().server("mail.example.org", TlsMode::Off)]));
    rig.login(1, b"right");
    rig.answer_errand(ErrandResult::Failed("Name or service not known".to_owned()));
    let outcome = rig.outcome(1);
    assert_eq!(kind(&outcome), "Contact");
    assert!(reason(&outcome).contains("Name or service not known"), "{}", reason(&outcome));
}

#[test]
fn an_errand_of_a_login_that_is_abandoned_is_withdrawn() {
    let peer = honest();
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login_for(1, b"right", b"errand");
    rig.abandon(1);
    assert_eq!(rig.withdrawn, [rig.errands[0].0]);
}

#[test]
fn an_exchange_gets_the_result_of_its_errand() {
    let peer = honest();
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login_for(1, b"right", b"errand");
    rig.answer_errand(ErrandResult::PasswordChecked(true));
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    rig.login_for(2, b"right", b"errand");
    rig.answer_errand(ErrandResult::PasswordChecked(false));
    assert_eq!(rig.outcome(2), Outcome::reject("errand"));
}

#[test]
fn tls_from_the_start_and_after_a_command_carry_logins() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Identity::authority("the authority");
    let trusted = Some(authority.write_certificate(directory.path(), "authority.pem"));
    let tls = Rc::new(TlsSettings { authorities_file: trusted, ..TlsSettings::default() });
    let identity = authority.sign(&Wanted { addresses: &["127.0.0.1"], ..Wanted::LOCALHOST });
    for mode in [TlsMode::Implicit, TlsMode::StartTls] {
        let acceptor = identity.acceptor(None);
        let peer = Peer::start(move |mut stream, _| {
            if mode == TlsMode::StartTls {
                std::io::Read::read_exact(&mut stream, &mut [0; 9]).unwrap();
                stream.write_all(b"GO\n").unwrap();
            }
            answer_lines(acceptor.accept(stream).unwrap());
        });
        let servers = vec![peer.server("127.0.0.1", mode)];
        let mut rig = Rig::new(PoolSettings { tls: Rc::clone(&tls), most_connections: 1, ..pool(servers) });
        rig.login(1, b"right");
        rig.login(2, b"wrong");
        assert_eq!(rig.outcome(1), Outcome::ACCEPT);
        assert_eq!(rig.outcome(2), no());
        assert_eq!(peer.connections(), 1);
    }
}

/// Whether each connection of a row of logins resumed the session of an earlier one.
fn resumed(settings: impl Fn(usize) -> TlsSettings, identity: &Identity) -> Vec<bool> {
    let acceptor = identity.acceptor(None);
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let peer = Peer::start(move |stream, _| {
        let stream = acceptor.accept(stream).unwrap();
        told.lock().unwrap().send(stream.ssl().session_reused()).unwrap();
        answer_lines(stream);
    });
    let server = || vec![peer.server("127.0.0.1", TlsMode::Implicit)];
    let pool = |tls| PoolSettings { tls: Rc::new(tls), sharing: Sharing::OneShot, ..pool(server()) };
    let [first, second] = [0, 1].map(|number| Rc::new(pool(settings(number))));
    let mut rig = Rig::with(Lines { pool: first, second: Some(second), greets: false });
    let mut seen = Vec::new();
    for login in 0..4 {
        // The second and the fourth go through the second pool.
        rig.login_for(login, b"right", if login % 2 == 0 { b"" } else { b"second" });
        assert_eq!(rig.outcome(login), Outcome::ACCEPT);
        seen.push(heard.recv().unwrap());
    }
    seen
}

#[test]
fn a_connection_resumes_the_session_of_an_earlier_one_only_where_the_same_must_be_proved() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Identity::authority("the authority");
    let file = authority.write_certificate(directory.path(), "authority.pem");
    let identity = authority.sign(&Wanted { addresses: &["127.0.0.1"], ..Wanted::LOCALHOST });
    let checking = || TlsSettings { authorities_file: Some(file.clone()), ..TlsSettings::default() };
    assert_eq!(resumed(|_| checking(), &identity), [false, true, true, true]);
    let unchecked = || TlsSettings { check_peer: false, ..TlsSettings::default() };
    let differing = |pool| if pool == 0 { unchecked() } else { checking() };
    assert_eq!(resumed(differing, &identity), [false, false, true, true]);
}

#[test]
fn a_question_on_a_connection_that_has_gone_silent_is_asked_on_another() {
    let peer = Peer::start(|stream, number| match number {
        0 => drop(std::io::Read::read_to_end(&mut answer_once(&stream), &mut Vec::new())),
        _ => answer_lines(stream),
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    rig.login(2, b"right");
    assert_eq!(rig.outcome(2), Outcome::ACCEPT);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn a_server_that_speaks_tls_where_none_is_configured_is_told_from_one_that_is_broken() {
    // A fatal alert of the version, which is how some answer what is no record.
    let peer = Peer::start(|mut stream, _| {
        read_line(&mut BufReader::new(stream.try_clone().unwrap()));
        let _ = stream.write_all(b"\x15\x03\x01\x00\x02\x02\x46");
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    let outcome = rig.outcome(1);
    assert_eq!(kind(&outcome), "Contact");
    assert!(reason(&outcome).ends_with("speaks TLS, but is asked without TLS"), "{}", reason(&outcome));
}

#[test]
fn a_certificate_that_is_not_valid_makes_the_login_unavailable() {
    let acceptor = Identity::authority("unknown").sign(&Wanted::LOCALHOST).acceptor(None);
    let peer = Peer::start(move |stream, _| drop(acceptor.accept(stream)));
    let mut rig = Rig::new(pool(vec![peer.server("127.0.0.1", TlsMode::Implicit)]));
    rig.login(1, b"right");
    let outcome = rig.outcome(1);
    assert_eq!(kind(&outcome), "Contact");
    assert!(reason(&outcome).contains("the certificate is not valid: "), "{}", reason(&outcome));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_at_the_start_if_tls_is_used() {
    let tls = TlsSettings { authorities_file: Some("/nowhere/ca.pem".into()), ..TlsSettings::default() };
    let start = |mode| {
        let servers = vec![honest().server("127.0.0.1", mode)];
        let lines = Lines {
            pool: Rc::new(PoolSettings { tls: Rc::new(tls.clone()), ..pool(servers) }),
            second: None,
            greets: false,
        };
        let registry = mio::Poll::new().unwrap().registry().try_clone().unwrap();
        let event_loop = EventLoopHandle {
            registry,
            token: Box::new(|_| mio::Token(0)),
            instance: "lines".into(),
            tls_files: Rc::default(),
        };
        drive(lines, &NetworkSettings::DEFAULT, event_loop).map(drop)
    };
    assert_eq!(start(TlsMode::Off), Ok(()));
    let error = TlsError::Unreadable("/nowhere/ca.pem".into(), "No such file or directory".to_owned());
    for mode in [TlsMode::Implicit, TlsMode::StartTls] {
        assert_eq!(start(mode), Err(error.clone()));
    }
}

/// Answers the first question of a connection.
fn answer_once(stream: &TcpStream) -> BufReader<TcpStream> {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    read_line(&mut lines).unwrap();
    lines.get_mut().write_all(b"yes\n").unwrap();
    lines
}

#[test]
fn a_question_on_a_connection_that_the_server_gave_up_is_asked_again() {
    let peer = Peer::start(|stream, number| match number {
        // Closes when the second question comes, as a server does that has just lost its patience.
        0 => drop(read_line(&mut answer_once(&stream))),
        _ => answer_lines(stream),
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    rig.login(2, b"right");
    assert_eq!(rig.outcome(2), Outcome::ACCEPT);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn an_answer_that_ends_in_the_middle_is_unavailable_not_a_rejection() {
    let peer = Peer::start(|mut stream, _| {
        read_line(&mut BufReader::new(stream.try_clone().unwrap()));
        let _ = stream.write_all(b"n");
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    assert_eq!(kind(&rig.outcome(1)), "Unexpected");
}

#[test]
fn the_next_server_is_asked_when_one_fails() {
    let peer = honest();
    let mut rig = Rig::new(pool(vec![nobody(), local(&peer)]));
    rig.login(1, b"right");
    rig.login(2, b"wrong");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    assert_eq!(rig.outcome(2), no());
}

#[test]
fn a_question_that_comes_after_the_flush_is_written_in_the_next_round() {
    let peer = honest();
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    let now = Instant::now();
    rig.ask(2, b"right", b"", now);
    assert_eq!(rig.network.next_timeout(), Some(now));
    assert_eq!(rig.outcome(2), Outcome::ACCEPT);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let peer = Peer::start(|mut stream, _| drop(std::io::Read::read_to_end(&mut stream, &mut Vec::new())));
    let quick = Duration::from_millis(50);
    let timeouts = Timeouts { connect: quick, tls: quick, operation: quick };
    for (greets, expected) in [(true, "Synchronize"), (false, "Unexpected")] {
        let pool = Rc::new(PoolSettings { timeouts, ..pool(vec![local(&peer)]) });
        let mut rig = Rig::with(Lines { pool, second: None, greets });
        rig.login(1, b"right");
        assert_eq!(kind(&rig.outcome(1)), expected);
    }
}

#[test]
fn a_server_that_floods_does_not_keep_others_waiting() {
    let peer = Peer::start(|mut stream, number| match number {
        0 => while stream.write_all(&[b'x'; 65536]).is_ok() {},
        _ => answer_lines(stream),
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    rig.until(|_| peer.connections() == 1);
    for login in 2..20 {
        rig.login(login, b"right");
        assert_eq!(rig.outcome(login), Outcome::ACCEPT);
    }
    assert_eq!(rig.decided.len(), 18, "the first one still waits");
}

#[test]
fn nothing_secret_is_kept_of_logins_that_are_over() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let peer = Peer::start(move |stream, number| match number {
        0 => answer_lines(stream),
        _ => drop(released.lock().unwrap().recv()),
    });
    let mut rig = Rig::new(pool(vec![local(&peer)]));
    rig.login(1, b"right");
    assert_eq!(rig.outcome(1), Outcome::ACCEPT);
    // The driver's buffer for reading and the session's output stay, empty.
    let idle = secret::alive();
    rig.login(2, b"wrong");
    rig.outcome(2);
    assert_eq!(secret::alive(), idle);
    // The first takes the connection that there is; the second one's server says nothing.
    rig.login(3, b"right");
    rig.login(4, b"right");
    rig.outcome(3);
    assert!(secret::alive() > idle);
    rig.until(|_| peer.connections() == 2);
    rig.abandon(4);
    // At most the output of the other connection is left.
    assert!(secret::alive() <= idle + 1);
    drop(rig);
    drop(release);
    assert_eq!(secret::alive(), 0);
}

#[test]
fn when_descriptors_run_out_the_login_is_unavailable_and_the_server_not_blamed() {
    let name =
        "net::driver::tests::when_descriptors_run_out_the_login_is_unavailable_and_the_server_not_blamed";
    passes_in_own_process(name, || {
        let peer = honest();
        let mut rig = Rig::new(pool(vec![local(&peer)]));
        let hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        rig.login(1, b"right");
        drop(hoard);
        let outcome = rig.outcome(1);
        assert_eq!(kind(&outcome), "Contact");
        assert!(reason(&outcome).contains("Too many open files"), "{}", reason(&outcome));
        rig.login(2, b"right");
        assert_eq!(rig.outcome(2), Outcome::ACCEPT);
    });
}
