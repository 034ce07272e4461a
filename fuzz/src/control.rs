//! What can be asked at the control socket.

use crate::input::{Input, SEPARATOR, ways_to_cut};
use crate::memory::most_held;
use saslauthd::config::endpoint::LONGEST_REQUEST;
use saslauthd::endpoint::control::{Command, Reply, Session};

/// A line in a buffer that doubles, the command that is made of it, and the answer.
const MOST_HELD: usize = 8 * LONGEST_REQUEST;

/// Whatever is said: the same comes of it in whatever pieces; one line is one command at the most; and there is one answer,
/// `ok` with its length or one line of an error.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let times = 1 << input.choose(14);
    let said = input.rest(times).concat();
    let mut results = ways_to_cut(said.len()).into_iter().map(|mut way| {
        let pieces = way.cut(&said);
        let (result, held) = most_held(|| play(&pieces));
        assert!(held <= MOST_HELD, "{held} bytes held");
        result
    });
    let result = results.next().expect("there is a way to cut");
    results.for_each(|other| assert_eq!(other, result, "in other pieces"));
}

fn play(pieces: &[&[u8]]) -> (Option<Command>, Vec<u8>) {
    let mut session = Session::default();
    let mut asked = None;
    for piece in pieces {
        let command = session.handle_input(piece);
        assert!(asked.is_none() || command.is_none(), "two commands");
        if let Some(command) = command {
            if let Command::CacheFlush(Some(login)) = &command {
                assert!(!login.is_empty() && login.len() < LONGEST_REQUEST);
            }
            session.answer(Reply::Text("one\ntwo\n".to_owned()));
            asked = Some(command);
        }
    }
    session.handle_end_of_input();
    let reply = session.output().to_vec();
    if asked.is_some() {
        assert_eq!(reply, b"ok 8\none\ntwo\n");
    } else if !reply.is_empty() {
        assert!(reply.starts_with(b"error ") && reply.iter().filter(|byte| **byte == b'\n').count() == 1);
    }
    (asked, reply)
}
