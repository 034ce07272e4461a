//! What a policy server answers: a JSON object (RFC 8259) of which two members count. Small and strict, and nothing in it
//! can make this reader take much time, memory or stack.
#![forbid(unsafe_code)]

use std::fmt;

/// The deepest nesting of what is passed over. Servers send an object in an object.
const DEEPEST: usize = 16;

/// How much of a message is kept, in characters.
const LONGEST_MESSAGE: usize = 200;

/// An answer, as far as it counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Below 0: the login is refused. Otherwise the seconds before it is to be checked.
    pub status: i64,
    /// What the server has to say for the log, cut; often empty.
    pub message: String,
}

/// Why it is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not JSON, or not one object alone.
    NotJson,
    /// It is nested deeper than anybody needs.
    TooDeep,
    /// There is no `status`.
    NoStatus,
    /// `status` is no whole number, or `msg` no string.
    WrongType,
    /// A member that counts is there twice.
    Twice,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotJson => "the answer is not a JSON object",
            Self::TooDeep => "the answer is nested too deeply",
            Self::NoStatus => "the answer has no status",
            Self::WrongType => "the answer's status is not a whole number, or its msg not a string",
            Self::Twice => "the answer has its status or msg twice",
        })
    }
}

impl std::error::Error for Fault {}

/// Reads the body of a reply.
///
/// # Errors
/// When it is no answer.
pub fn read(body: &[u8]) -> Result<Reply, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::NotJson)?;
    let mut reader = Reader { rest: text };
    let (mut status, mut message) = (None, None);
    reader.skip_blanks();
    reader.expect('{')?;
    reader.read_members(|reader, name| match name {
        "status" => {
            let number = reader.read_number().ok_or(Fault::WrongType)?;
            set_once(&mut status, number.parse().map_err(|_| Fault::WrongType)?)
        }
        "msg" if !reader.rest.starts_with('"') => Err(Fault::WrongType),
        "msg" => set_once(&mut message, reader.read_string(LONGEST_MESSAGE)?),
        _ => reader.pass_over(DEEPEST),
    })?;
    reader.skip_blanks();
    if !reader.rest.is_empty() {
        return Err(Fault::NotJson);
    }
    Ok(Reply { status: status.ok_or(Fault::NoStatus)?, message: message.unwrap_or_default() })
}

fn set_once<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    if place.replace(value).is_some() { Err(Fault::Twice) } else { Ok(()) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, expected: char) -> bool {
        self.rest.strip_prefix(expected).map(|rest| self.rest = rest).is_some()
    }

    fn expect(&mut self, expected: char) -> Result<(), Fault> {
        if self.take(expected) { Ok(()) } else { Err(Fault::NotJson) }
    }

    /// The members of an object behind its brace, up to its end.
    fn read_members(
        &mut self,
        mut take_value: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.skip_blanks();
        if self.take('}') {
            return Ok(());
        }
        loop {
            self.skip_blanks();
            let name = self.read_string(LONGEST_MESSAGE)?;
            self.skip_blanks();
            self.expect(':')?;
            self.skip_blanks();
            take_value(self, &name)?;
            self.skip_blanks();
            if self.take('}') {
                return Ok(());
            }
            self.expect(',')?;
        }
    }

    /// Any value, which does not count. `depth` is how deep it may be.
    fn pass_over(&mut self, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
        match self.rest.as_bytes().first() {
            Some(b'"') => self.read_string(0).map(drop),
            Some(b'-' | b'0'..=b'9') => self.read_number().map(drop).ok_or(Fault::NotJson),
            Some(b'{') => {
                self.expect('{')?;
                self.read_members(|reader, _| reader.pass_over(depth))
            }
            Some(b'[') => self.pass_over_list(depth),
            _ => self.pass_over_word(),
        }
    }

    fn pass_over_list(&mut self, depth: usize) -> Result<(), Fault> {
        self.expect('[')?;
        self.skip_blanks();
        if self.take(']') {
            return Ok(());
        }
        loop {
            self.skip_blanks();
            self.pass_over(depth)?;
            self.skip_blanks();
            if self.take(']') {
                return Ok(());
            }
            self.expect(',')?;
        }
    }

    fn pass_over_word(&mut self) -> Result<(), Fault> {
        let rest = ["true", "false", "null"].iter().find_map(|word| self.rest.strip_prefix(word));
        self.rest = rest.ok_or(Fault::NotJson)?;
        Ok(())
    }

    /// A number as it is written.
    fn read_number(&mut self) -> Option<&'a str> {
        let (whole, mut rest) = (self.rest, self.rest);
        rest = rest.strip_prefix('-').unwrap_or(rest);
        rest = rest.strip_prefix('0').or_else(|| behind_digits(rest))?;
        if let Some(behind) = rest.strip_prefix('.') {
            rest = behind_digits(behind)?;
        }
        if let Some(behind) = rest.strip_prefix(['e', 'E']) {
            rest = behind_digits(behind.strip_prefix(['+', '-']).unwrap_or(behind))?;
        }
        self.rest = rest;
        whole.get(..whole.len() - rest.len())
    }

    /// A string with its quotation marks, of which the first `most` characters are kept.
    fn read_string(&mut self, most: usize) -> Result<String, Fault> {
        self.expect('"')?;
        let mut text = String::new();
        let mut kept = 0;
        loop {
            let mut characters = self.rest.chars();
            let character = characters.next().ok_or(Fault::NotJson)?;
            self.rest = characters.as_str();
            let character = match character {
                '"' => return Ok(text),
                '\\' => self.read_escape()?,
                '\0'..='\u{1f}' => return Err(Fault::NotJson),
                plain => plain,
            };
            if kept < most {
                text.push(character);
                kept += 1;
            }
        }
    }

    /// What is behind a backslash.
    fn read_escape(&mut self) -> Result<char, Fault> {
        let mut characters = self.rest.chars();
        let letter = characters.next().ok_or(Fault::NotJson)?;
        self.rest = characters.as_str();
        Ok(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.read_unicode()?,
            _ => return Err(Fault::NotJson),
        })
    }

    /// What is behind `\u`: a character, or the first half of one with the second behind it.
    fn read_unicode(&mut self) -> Result<char, Fault> {
        let first = self.read_four_digits()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            self.rest = self.rest.strip_prefix("\\u").ok_or(Fault::NotJson)?;
            units.push(self.read_four_digits()?);
        }
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(character)), None) => Ok(character),
            _ => Err(Fault::NotJson),
        }
    }

    fn read_four_digits(&mut self) -> Result<u16, Fault> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or(Fault::NotJson)?;
        self.rest = self.rest.get(4..).unwrap_or_default();
        Ok(value)
    }
}

/// `None` if there is no digit.
fn behind_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i64, message: &str) -> Result<Reply, Fault> {
        Ok(Reply { status, message: message.to_owned() })
    }

    #[test]
    fn status_and_message_are_read_whatever_stands_beside_them() {
        for (body, expected) in [
            (r#"{"status":0}"#, answer(0, "")),
            (r#"{"status":-1,"msg":"too many"}"#, answer(-1, "too many")),
            (r#" { "msg" : "" , "status" : 3 } "#, answer(3, "")),
            ("\r\n\t{\"status\":0}\n", answer(0, "")),
            (
                r#"{"status":0,"msg":"","r_attrs":{"a":["b",{"status":-1}],"n":-1.5e+3,"x":null}}"#,
                answer(0, ""),
            ),
            (r#"{"a":{"status":-1},"b":[],"c":{},"d":true,"e":false,"status":2}"#, answer(2, "")),
            (r#"{"status":-0}"#, answer(0, "")),
            (r#"{"st\u0061tus":5}"#, answer(5, "")),
            (
                r#"{"status":0,"msg":"a\"\\\/\b\f\n\r\t\u00e4\ud834\udd1eä"}"#,
                answer(0, "a\"\\/\u{8}\u{c}\n\r\tä𝄞ä"),
            ),
            (r#"{"status":9223372036854775807}"#, answer(i64::MAX, "")),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        for (body, fault) in [
            ("", Fault::NotJson),
            ("ok", Fault::NotJson),
            ("0", Fault::NotJson),
            ("<html></html>", Fault::NotJson),
            (r#"[{"status":0}]"#, Fault::NotJson),
            (r#"{"status":0"#, Fault::NotJson),
            (r#"{"status":0}}"#, Fault::NotJson),
            (r#"{"status":0} x"#, Fault::NotJson),
            (r#"{"status":0,}"#, Fault::NotJson),
            (r#"{"status" 0}"#, Fault::NotJson),
            (r#"{status:0}"#, Fault::NotJson),
            (r#"{'status':0}"#, Fault::NotJson),
            (r#"{"status":01}"#, Fault::NotJson),
            (r#"{"status":0 0}"#, Fault::NotJson),
            (r#"{"a":nul,"status":0}"#, Fault::NotJson),
            (r#"{"a":[1,],"status":0}"#, Fault::NotJson),
            (r#"{"a":1.,"status":0}"#, Fault::NotJson),
            (r#"{"a":-,"status":0}"#, Fault::NotJson),
            (r#"{"a":"\x","status":0}"#, Fault::NotJson),
            (r#"{"a":"\ud834","status":0}"#, Fault::NotJson),
            (r#"{"a":"\udd1e","status":0}"#, Fault::NotJson),
            (r#"{"a":"\ud834\ud834","status":0}"#, Fault::NotJson),
            (r#"{"a":"\u00g0","status":0}"#, Fault::NotJson),
            ("{\"a\":\"\n\",\"status\":0}", Fault::NotJson),
            ("{}", Fault::NoStatus),
            (r#"{"Status":0,"msg":"x"}"#, Fault::NoStatus),
            (r#"{"status":"ok"}"#, Fault::WrongType),
            (r#"{"status":"0"}"#, Fault::WrongType),
            (r#"{"status":true}"#, Fault::WrongType),
            (r#"{"status":null}"#, Fault::WrongType),
            (r#"{"status":1.5}"#, Fault::WrongType),
            (r#"{"status":1e0}"#, Fault::WrongType),
            (r#"{"status":9223372036854775808}"#, Fault::WrongType),
            (r#"{"status":0,"msg":5}"#, Fault::WrongType),
            (r#"{"status":-1,"status":0}"#, Fault::Twice),
            (r#"{"status":0,"msg":"","msg":""}"#, Fault::Twice),
        ] {
            assert_eq!(read(body.as_bytes()), Err(fault), "{body}");
        }
        assert_eq!(read(b"{\"status\":0,\"msg\":\"\xff\"}"), Err(Fault::NotJson));
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| {
            let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            read(format!(r#"{{"a":{lists},"status":0}}"#).as_bytes())
        };
        assert_eq!(nested(DEEPEST), answer(0, ""));
        assert_eq!(nested(DEEPEST + 1), Err(Fault::TooDeep));
        assert_eq!(nested(100_000), Err(Fault::TooDeep));
    }

    #[test]
    fn a_message_has_a_bound() {
        let body = format!(r#"{{"status":-1,"msg":"{}"}}"#, "ä".repeat(10_000));
        assert_eq!(read(body.as_bytes()), answer(-1, &"ä".repeat(LONGEST_MESSAGE)));
    }
}
