//! The requests that anybody on the host can send to the socket.

use crate::input::{Input, ways_to_cut};
use crate::memory::most_held;
use saslauthd::config::Limits;
use saslauthd::wire::{Decoded, Decoder};

const LIMITS: [Limits; 2] = [Limits::DEFAULT, Limits { password: 8, field: 4 }];

/// The most that a request may take while it comes: twice the longest one, since buffers double.
const MOST_HELD: usize = 64 * 1024;

/// A request is understood as the description of the protocol says, in whatever pieces it comes; with every further
/// string after the fourth ignored.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, b"\xff\xff\xff\xff");
    let limits = LIMITS[usize::from(input.choose(2))];
    let request = input.part();
    let expected = read(request, limits);
    for mut way in ways_to_cut(request.len()) {
        let pieces = way.cut(request);
        let (found, held) = most_held(|| decode(&pieces, limits));
        assert_eq!(found, expected, "{way:?}");
        assert!(held <= MOST_HELD, "{held} bytes held");
    }
}

/// What a request says, or the reply to a wrong one; `None` while it is not whole.
type Request = Option<Result<[Vec<u8>; 4], String>>;

fn decode(pieces: &[&[u8]], limits: Limits) -> Request {
    let mut decoder = Decoder::new(limits);
    for piece in pieces {
        match decoder.decode(piece) {
            Decoded::Incomplete => assert!(!decoder.is_untouched()),
            Decoded::Request(found) => {
                assert!(decoder.is_untouched(), "a decoder that is done holds nothing");
                let password = found.password.as_bytes().to_vec();
                return Some(Ok([found.login, password, found.service, found.realm]));
            }
            Decoded::Invalid(invalid) => {
                assert!(invalid.reply().starts_with("NO ") && invalid.reply().len() < 64);
                return Some(Err(invalid.to_string()));
            }
        }
    }
    None
}

/// The same, in another way.
fn read(request: &[u8], limits: Limits) -> Request {
    let names = ["login", "password", "service", "realm"];
    let mut rest = request.iter().copied();
    let mut fields: [Vec<u8>; 4] = Default::default();
    for (field, name) in fields.iter_mut().zip(names) {
        let length = usize::from(u16::from_be_bytes([rest.next()?, rest.next()?]));
        let limit = if name == "password" { limits.password } else { limits.field };
        if length > limit {
            return Some(Err(format!("{name} exceeded MAX_REQ_LEN: {limit}")));
        }
        for _ in 0..length {
            field.push(rest.next()?);
        }
        if field.last() == Some(&0) {
            field.pop();
        }
    }
    let empty =
        fields.iter().take(2).position(Vec::is_empty).map(|index| format!("NULL {} received", names[index]));
    let nul = fields.iter().position(|field| field.contains(&0));
    let wrong = empty.or(nul.map(|index| format!("NUL byte in {} received", names[index])));
    Some(wrong.map_or(Ok(fields), Err))
}
