//! What the server says: the greeting, and lines of a word, an id and fields.
//!
//! Every line has a tab, even where nothing follows: a line without one crashes Exim 4.96, and Postfix takes a `CONT`
//! without its second one for a refusal.
#![forbid(unsafe_code)]

use super::command::Id;
use super::escape::escape;
use super::reason::RefusalReason;
use super::{Identity, Mechanism};
use crate::base64;
use crate::secret::Secret;

/// The version that is spoken: since minor version 2 an empty `resp=` is an empty response.
const VERSION: &str = "VERSION\t1\t2\n";

/// Why a request fails, as far as a client is told. What a mechanism says of a refusal is not among it: `reason=` is
/// shown to whoever tries to log in, and would tell guessers which accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The login was refused.
    Rejected,
    /// Nobody has judged the login. Prosody reads the first field, Dovecot's own clients the second.
    Temporary,
    /// It was refused before a check.
    Refused(RefusalReason),
    /// The client answers what it was not asked.
    UnexpectedContinuation,
    /// The client goes on with a request that is not open: Dovecot's words, for whom it can only have timed out.
    UnknownRequest,
}

impl Failure {
    fn fields(self) -> &'static [u8] {
        match self {
            Self::Rejected => b"",
            Self::Temporary => b"\ttemp\tcode=temp_fail",
            Self::Refused(reason) => fields_of(reason),
            Self::UnexpectedContinuation => b"\treason=Unexpected continuation",
            Self::UnknownRequest => b"\treason=Authentication request timed out",
        }
    }
}

fn fields_of(reason: RefusalReason) -> &'static [u8] {
    match reason {
        RefusalReason::InvalidInitialResponse => {
            b"\tcode=invalid_base64\treason=Invalid base64 data in initial response"
        }
        RefusalReason::InvalidResponse => {
            b"\tcode=invalid_base64\treason=Invalid base64 data in continued response"
        }
        RefusalReason::OtherAuthorization => b"\tauthz\tcode=authz_fail",
        RefusalReason::TimedOut => b"\ttemp\tcode=temp_fail\treason=Authentication request timed out",
        RefusalReason::TooManyRequests => b"\ttemp\tcode=temp_fail",
        RefusalReason::MalformedResponse | RefusalReason::Invalid(_) | RefusalReason::ControlBytes => b"",
    }
}

/// All that a client waits for before it asks. Under 1,024 bytes, since Radicale reads only once.
pub(super) fn greeting(mechanisms: &[Mechanism], identity: &Identity) -> String {
    let mut greeting = VERSION.to_owned();
    for mechanism in mechanisms {
        greeting.push_str(&format!("MECH\t{}\t{}\n", mechanism.name(), mechanism.flags()));
    }
    let Identity { process, connection, cookie } = identity;
    greeting.push_str(&format!("SPID\t{process}\nCUID\t{connection}\nCOOKIE\t"));
    for byte in cookie {
        greeting.push_str(&format!("{byte:02x}"));
    }
    greeting.push_str("\nDONE\n");
    greeting
}

/// The login is accepted. Postfix and Exim want to be told whose it is.
pub(super) fn push_ok(output: &mut Secret, id: Id, login: &[u8]) {
    push_line(output, &[b"OK\t", &number(id), b"\tuser=", &escape(login)]);
}

/// The request fails; `login` is whose it is, if that is known.
pub(super) fn push_fail(output: &mut Secret, id: Id, login: Option<&[u8]>, failure: Failure) {
    let user = login.map(|login| [b"\tuser=", escape(login).as_slice()].concat()).unwrap_or_default();
    push_line(output, &[b"FAIL\t", &number(id), &user, failure.fields()]);
}

/// The mechanism wants a response to `challenge`.
pub(super) fn push_cont(output: &mut Secret, id: Id, challenge: &[u8]) {
    let challenge = base64::encode(challenge);
    push_line(output, &[b"CONT\t", &number(id), b"\t", challenge.as_bytes()]);
}

fn push_line(output: &mut Secret, parts: &[&[u8]]) {
    parts.iter().for_each(|part| output.extend_from_slice(part));
    output.extend_from_slice(b"\n");
}

fn number(id: Id) -> Vec<u8> {
    id.to_string().into_bytes()
}
