use super::*;
use crate::net::exchange::{TlsMode, TlsSettings};
use crate::net::testing::certificates::{Identity, Wanted};
use crate::net::testing::peer::{Peer, answer_lines, read_line};
use crate::net::testing::talk::Talk;
use openssl::ssl::SslAcceptor;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// A question that few socket buffers take at once.
const LARGE: usize = 6 * 1024 * 1024;

fn acceptor() -> SslAcceptor {
    Identity::authority("the authority").sign(&Wanted::LOCALHOST).acceptor(None)
}

fn begin_unchecked(peer: &Peer, mode: TlsMode) -> Talk {
    Talk::begin(peer, "localhost", mode, TlsSettings { check_peer: false, ..TlsSettings::default() })
}

/// A failure whose reason names the server's address where `reason` has braces.
fn failed(peer: &Peer, kind: FailureKind, reason: &str) -> Failure {
    Failure::new(kind, reason.replace("{}", &peer.address.to_string()))
}

/// Reads up to the request for TLS and answers it.
fn go_ahead(stream: &mut TcpStream, answer: &[u8]) {
    let mut request = [0; 9];
    stream.read_exact(&mut request).unwrap();
    assert_eq!(&request, b"STARTTLS\n");
    stream.write_all(answer).unwrap();
}

/// Closes a connection that has bytes waiting, which resets it.
fn reset(stream: &TcpStream) {
    assert!(stream.peek(&mut [0; 1]).unwrap() > 0);
}

#[test]
fn after_the_go_ahead_everything_goes_through_tls() {
    let acceptor = acceptor();
    let peer = Peer::start(move |mut stream, _| {
        go_ahead(&mut stream, b"GO\n");
        answer_lines(acceptor.accept(stream).unwrap());
    });
    let mut talk = begin_unchecked(&peer, TlsMode::StartTls);
    assert_eq!(talk.open(), Ok(()));
    talk.ask(b"right");
    assert_eq!(talk.until(|talk| talk.answers == [b"yes"]), Ok(()));
}

#[test]
fn bytes_in_the_clear_with_the_go_ahead_end_the_connection() {
    let peer = Peer::start(move |mut stream, _| {
        go_ahead(&mut stream, b"GO\nyes\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut talk = begin_unchecked(&peer, TlsMode::StartTls);
    assert_eq!(talk.failure().reason, "more than the go-ahead came before TLS");
}

#[test]
fn bytes_in_the_clear_behind_the_go_ahead_never_reach_the_session() {
    let peer = Peer::start(move |mut stream, _| {
        go_ahead(&mut stream, b"GO\n");
        // The first bytes of the handshake: the client reads in the clear no more.
        let _ = stream.read_exact(&mut [0; 5]);
        let _ = stream.write_all(b"yes\nyes\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut talk = begin_unchecked(&peer, TlsMode::StartTls);
    assert_eq!(
        talk.failure(),
        failed(
            &peer,
            FailureKind::Contact,
            "no TLS with {}: the server does not speak TLS (wrong version number)"
        )
    );
    assert_eq!((talk.reads, talk.connection.session.input.len()), (1, 0));
}

#[test]
fn tls_that_was_not_configured_does_not_begin() {
    let peer = Peer::start(|stream, _| answer_lines(stream));
    let mut talk = Talk::plain(&peer);
    assert_eq!(talk.open(), Ok(()));
    assert_eq!(talk.connection.prepare_tls().unwrap_err().kind, FailureKind::Internal);
}

#[test]
fn a_server_that_sends_one_byte_at_a_time_is_understood() {
    let peer = Peer::start(|mut stream, _| {
        stream.set_nodelay(true).unwrap();
        for byte in b"yes\nno\n" {
            stream.write_all(&[*byte]).unwrap();
        }
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut talk = Talk::plain(&peer);
    talk.ask(b"one");
    talk.ask(b"two");
    assert_eq!(talk.until(|talk| talk.answers.len() == 2), Ok(()));
    assert_eq!(talk.answers, [b"yes".to_vec(), b"no".to_vec()]);
}

#[test]
fn answers_that_came_together_are_read_together() {
    let peer = Peer::start(|mut stream, _| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..100 {
            read_line(&mut lines).unwrap();
        }
        stream.write_all(&b"yes\n".repeat(100)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut talk = Talk::plain(&peer);
    (0..100).for_each(|_| talk.ask(b"right"));
    assert_eq!(talk.until(|talk| talk.answers.len() == 100), Ok(()));
    assert_eq!(talk.reads, 1);
}

#[test]
fn a_server_that_nobody_runs_cannot_be_contacted() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Peer::at(nobody);
    let expected = failed(&nobody, FailureKind::Contact, "no connection to {}: Connection refused");
    assert_eq!(Talk::plain(&nobody).failure(), expected);
}

#[test]
fn a_reset_before_and_after_the_first_word_are_told_apart() {
    let mute = Peer::start(|stream, _| reset(&stream));
    let mut talk = Talk::plain(&mute);
    talk.ask(b"right");
    assert_eq!(
        talk.failure(),
        failed(&mute, FailureKind::Synchronize, "the connection to {} broke: Connection reset by peer")
    );
    let moody = Peer::start(|mut stream, _| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        read_line(&mut lines).unwrap();
        stream.write_all(b"yes\n").unwrap();
        reset(&stream);
    });
    let mut talk = Talk::plain(&moody);
    talk.ask(b"right");
    assert_eq!(talk.until(|talk| talk.answers == [b"yes"]), Ok(()));
    talk.ask(b"right");
    assert_eq!(
        talk.failure(),
        failed(&moody, FailureKind::Unexpected, "the connection to {} broke: Connection reset by peer")
    );
}

#[test]
fn an_end_in_the_middle_of_an_answer_is_no_answer() {
    let peer = Peer::start(|mut stream, _| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        read_line(&mut lines).unwrap();
        stream.write_all(b"ye").unwrap();
    });
    let mut talk = Talk::plain(&peer);
    talk.ask(b"right");
    assert_eq!(talk.failure(), failed(&peer, FailureKind::Unexpected, "{} closed the connection"));
    assert!(talk.answers.is_empty());
}

#[test]
fn the_end_of_tls_is_the_same_with_and_without_its_word_for_it() {
    for says_so in [true, false] {
        let acceptor = acceptor();
        let peer = Peer::start(move |stream, _| {
            let mut stream = acceptor.accept(stream).unwrap();
            let mut line = [0; 6];
            stream.read_exact(&mut line).unwrap();
            stream.write_all(b"yes\n").unwrap();
            if says_so {
                stream.shutdown().unwrap();
            }
        });
        let mut talk = begin_unchecked(&peer, TlsMode::Implicit);
        talk.ask(b"right");
        let failure = talk.failure();
        assert_eq!(failure, failed(&peer, FailureKind::Unexpected, "{} closed the connection"));
        assert_eq!(talk.answers, [b"yes"]);
    }
}

/// A server that reads nothing before it is told to.
fn sleeper(acceptor: Option<SslAcceptor>) -> (Peer, Sender<()>) {
    let (wake, woken): (Sender<()>, Receiver<()>) = channel();
    let woken = Arc::new(Mutex::new(woken));
    let peer = Peer::start(move |stream, _| match &acceptor {
        None => {
            woken.lock().unwrap().recv().unwrap();
            answer_lines(stream);
        }
        Some(acceptor) => {
            let stream = acceptor.accept(stream).unwrap();
            woken.lock().unwrap().recv().unwrap();
            answer_lines(stream);
        }
    });
    (peer, wake)
}

#[test]
fn a_server_that_reads_slowly_gets_the_whole_question_once() {
    for mode in [TlsMode::Off, TlsMode::Implicit] {
        let (peer, wake) = sleeper((mode == TlsMode::Implicit).then(acceptor));
        let mut talk = begin_unchecked(&peer, mode);
        assert_eq!(talk.open(), Ok(()));
        let mut expected = vec![b"yes".to_vec()];
        while !talk.connection.has_output() {
            talk.ask(&vec![b'x'; LARGE]);
            talk.connection.flush();
            expected.insert(0, b"no".to_vec());
        }
        assert!(talk.connection.written > 0, "half of it is written");
        // More comes while the rest waits: the output moves in memory.
        talk.ask(b"right");
        wake.send(()).unwrap();
        assert_eq!(talk.until(|talk| talk.answers.len() == expected.len()), Ok(()));
        assert_eq!(talk.answers, expected);
        assert!(talk.connection.session.output().is_empty(), "nothing secret is left");
    }
}

#[test]
fn what_a_server_said_before_it_hung_up_on_a_question_is_heard() {
    let peer = Peer::start(|mut stream, _| {
        let _ = stream.read_exact(&mut [0; 1]);
        stream.write_all(b"no\n").unwrap();
        reset(&stream);
    });
    let mut talk = Talk::plain(&peer);
    assert_eq!(talk.open(), Ok(()));
    talk.ask(&vec![b'x'; LARGE]);
    talk.failure();
    assert_eq!(talk.answers, [b"no"]);
}

#[test]
fn a_farewell_is_said_and_then_the_connection_ends() {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let peer = Peer::start(move |mut stream, _| {
        let mut everything = Vec::new();
        let _ = stream.read_to_end(&mut everything);
        told.lock().unwrap().send(everything).unwrap();
    });
    let mut talk = Talk::plain(&peer);
    assert_eq!(talk.open(), Ok(()));
    talk.close();
    assert_eq!(heard.recv().unwrap(), b"bye\n");
}

#[test]
fn a_question_that_is_not_written_yet_is_not_written_at_the_end() {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let peer = Peer::start(move |mut stream, _| {
        let mut everything = Vec::new();
        let _ = stream.read_to_end(&mut everything);
        told.lock().unwrap().send(everything).unwrap();
    });
    let mut talk = Talk::plain(&peer);
    assert_eq!(talk.open(), Ok(()));
    talk.ask(b"password");
    talk.close();
    assert_eq!(heard.recv().unwrap(), b"");
}
