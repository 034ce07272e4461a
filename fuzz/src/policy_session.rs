//! What a policy server, or whatever answers in its place, can do to a login.

use crate::input::{Input, SEPARATOR, ways_to_cut};
use crate::memory::most_held;
use crate::play::{Happening, Play, is_accepted};
use saslauthd::config::NetworkSettings;
use saslauthd::credentials::{Credentials, MailConnection};
use saslauthd::job::ErrandResult;
use saslauthd::net::exchange::{Exchange, Failure, PoolId, PoolSettings, Protocol, Step};
use saslauthd::outcome::{Outcome, Refusal, Verdict};
use saslauthd::policy::policy_server::{Answer, Attempt, Question, Report, password_hash};
use saslauthd::secret::Secret;
use saslauthd::settings::file::Text;
use saslauthd::settings::raw_settings::RawSettings;
use saslauthd::weakforced::{self, Weakforced};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// The head and the answer have 64 KiB each, and buffers double; the record of the play takes some too.
const MOST_HELD: usize = 640 * 1024;

const FILE: &str = "policy_url: http://a/\npolicy_nonce: salt\npolicy_user: u\npolicy_password: p\n";

/// Whatever the server says: the same comes of it in whatever pieces; the login fills its own field of the question and
/// nothing else; and a login is let go on only by a status of HTTP that says success.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let reports = input.choose(2) == 1;
    let times = 1 << input.choose(16);
    let (login, password) = (input.part(), input.part());
    let turns = input.rest(times);
    let protocol = Logins { weakforced: weakforced(), reports };
    let play = Play { protocol: &protocol, server: 0, login, password, turns: &turns };
    let mut records = ways_to_cut(turns.iter().map(Vec::len).sum()).into_iter().map(|way| {
        let (record, held) = most_held(|| play.play(way));
        assert!(held <= MOST_HELD + 16 * bytes.len(), "{held} bytes held");
        record
    });
    let record = records.next().expect("there is a way to cut");
    records.for_each(|other| assert_eq!(other, record));
    for happening in &record {
        if let Happening::Sent(request) = happening {
            check_request(&request.0, reports, login);
        }
    }
    // What the answer says is looked at by `policy_reply`: here it may come in chunks.
    if is_accepted(&record) {
        assert!(says_success(&turns.concat()), "nobody goes on without a status of success");
    }
}

fn weakforced() -> Weakforced {
    let text = Text { path: "/etc/saslauthd.conf".into(), bytes: Secret::copy_of(FILE.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    let client = weakforced::client(&sources, &NetworkSettings::DEFAULT).expect("the file is sound");
    client.expect("it names a server").0
}

/// One request whose head depends on the login by its length only.
fn check_request(request: &[u8], reports: bool, login: &[u8]) {
    let text = std::str::from_utf8(request).expect("a request is UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head has an end");
    let command = if reports { "report" } else { "allow" };
    let length = body.len();
    let expected = format!(
        "POST /?command={command} HTTP/1.1\r\nHost: a\r\nUser-Agent: saslauthd\r\nContent-Length: {length}\r\n\
         Connection: Keep-Alive\r\nContent-Type: application/json\r\nAuthorization: Basic dTpw"
    );
    assert_eq!(head, expected);
    assert!(!body.contains(|letter: char| letter < ' '), "{body:?}");
    let end =
        if reports { ",\"success\":true,\"policy_reject\":false,\"tls\":false}" } else { ",\"tls\":false}" };
    let end = format!(",\"remote\":\"192.0.2.7\",\"session_id\":\"\"{end}");
    let rest = body.strip_prefix("{\"device_id\":\"\",\"login\":\"").expect("the login has its field");
    let (found, rest) = unescape(rest);
    assert_eq!(found, as_text(login), "{body:?}");
    let rest = rest.strip_prefix(",\"protocol\":\"imap\",\"pwhash\":\"0").expect("and no other");
    assert_eq!(rest.get(3..), Some(format!("\"{end}").as_str()), "{body:?}");
}

/// Every byte that is no UTF-8 as a character of its own.
fn as_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The inside of a string, and what follows its quotation mark.
fn unescape(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next() {
            Some('"') => return (value, letters.as_str()),
            Some('\\') => match letters.next() {
                Some('u') => {
                    let (digits, rest) = letters.as_str().split_at(4);
                    let number = u32::from_str_radix(digits, 16).expect("an escape has four digits");
                    value.extend(char::from_u32(number));
                    letters = rest.chars();
                }
                Some(letter) => value.push(match letter {
                    'b' => '\u{8}',
                    't' => '\t',
                    'n' => '\n',
                    'f' => '\u{c}',
                    'r' => '\r',
                    '"' | '\\' => letter,
                    _ => panic!("an unknown escape: {text:?}"),
                }),
                None => panic!("an escape has no end: {text:?}"),
            },
            Some(letter) => value.push(letter),
            None => panic!("a string has no end: {text:?}"),
        }
    }
}

/// Whether a status of success is anywhere where a status may be.
fn says_success(said: &[u8]) -> bool {
    said.split(|byte| *byte == b'\n').any(|line| {
        let start = line.windows(7).position(|window| window == b"HTTP/1.");
        let words = start.map(|start| &line[start..]).unwrap_or_default();
        let mut words = words.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        matches!(words.nth(1), Some([b'2', _, _]))
    })
}

/// Policy servers, as if they checked passwords: `Allow` accepts.
struct Logins {
    weakforced: Weakforced,
    reports: bool,
}

struct Consultation(<Weakforced as Protocol>::Exchange);

impl Protocol for Logins {
    type Request = Credentials;
    type Verdict = Verdict;
    type Question = <Weakforced as Protocol>::Question;
    type Answer = <Weakforced as Protocol>::Answer;
    type Session = <Weakforced as Protocol>::Session;
    type Exchange = Consultation;

    fn pools(&self) -> Vec<PoolId> {
        self.weakforced.pools()
    }

    fn pool(&self, pool: PoolId) -> Rc<PoolSettings> {
        self.weakforced.pool(pool)
    }

    fn session(&self, pool: PoolId, server: usize) -> Self::Session {
        self.weakforced.session(pool, server)
    }

    fn exchange(&self, credentials: Credentials) -> Consultation {
        let nonce = Secret::copy_of(b"salt");
        let attempt = Rc::new(Attempt {
            password_hash: password_hash(&nonce, &credentials.login, &credentials.password),
            login: credentials.login,
            client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            service: credentials.service,
            connection: MailConnection::default(),
        });
        let question = if self.reports {
            Question::Report(attempt, Report { success: true, policy_reject: false })
        } else {
            Question::Allow(attempt)
        };
        Consultation(self.weakforced.exchange(question))
    }
}

impl Exchange for Consultation {
    type Question = <Weakforced as Protocol>::Question;
    type Answer = <Weakforced as Protocol>::Answer;
    type Verdict = Verdict;

    fn begin(&mut self) -> Step<Self::Question, Verdict> {
        judged(self.0.begin())
    }

    fn handle_answer(&mut self, answer: Result<Self::Answer, Failure>) -> Step<Self::Question, Verdict> {
        judged(self.0.handle_answer(answer))
    }

    fn handle_errand(&mut self, result: ErrandResult) -> Step<Self::Question, Verdict> {
        judged(self.0.handle_errand(result))
    }
}

fn judged<Q>(step: Step<Q, Answer>) -> Step<Q, Verdict> {
    let outcome = match step {
        Step::Ask(pool, question) => return Step::Ask(pool, question),
        Step::Errand(errand) => return Step::Errand(errand),
        Step::Done(Answer::Allow(_)) => Outcome::ACCEPT,
        Step::Done(Answer::Refuse(message)) => {
            Outcome::Reject(Refusal::with_reason("authentication failed", format!("policy: {message}")))
        }
        Step::Done(Answer::Failed(reason)) => Outcome::internal_failure(reason),
    };
    Step::Done(outcome.into())
}
