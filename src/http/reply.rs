//! The reply to one request: status line, fields, body.
#![forbid(unsafe_code)]

use super::body::{Body, Content, Progress};
use super::head::{self, Framing, Head, Reply, ReplyFault};

/// The longest status line and fields, in bytes, with all interim replies. Servers stop at 8 to 64 KiB themselves.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// A reply that has been read.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// The reply.
    pub reply: Reply,
    /// Whether the next bytes on the connection can only belong to the next reply.
    pub reusable: bool,
    /// What the body says, if it was to be kept, is whole and within the bound.
    pub content: Option<Vec<u8>>,
}

/// Reads one reply, in whichever pieces it comes.
pub struct Reader {
    /// Bytes of heads that may come yet.
    left: usize,
    /// How many bytes of a body are kept; `None` if only the head matters.
    kept: Option<usize>,
    stage: Stage,
}

enum Stage {
    Head(Vec<u8>),
    Body(Box<Bodied>),
}

/// A reply whose body is being read.
struct Bodied {
    reply: Reply,
    body: Body,
    is_last: bool,
    content: Content,
}

impl Reader {
    /// For a reply that says all in its head.
    pub fn of_head() -> Self {
        Self { left: LONGEST_HEAD, kept: None, stage: Stage::Head(Vec::new()) }
    }

    /// For a reply with a body, of which `most` bytes are kept.
    pub fn of_body(most: usize) -> Self {
        Self { kept: Some(most), ..Self::of_head() }
    }

    /// Reads on. The reply is there as soon as its body is, or at once when that is not to be kept and its end is not worth
    /// waiting for.
    ///
    /// # Errors
    /// When these bytes are no reply. Then, and after a whole reply, the reader is of no more use.
    pub fn handle_input(&mut self, mut bytes: &[u8]) -> Result<Option<Whole>, ReplyFault> {
        loop {
            match &mut self.stage {
                Stage::Head(head) => {
                    let Some(used) = take_head(head, bytes, &mut self.left)? else { return Ok(None) };
                    bytes = bytes.get(used..).unwrap_or_default();
                    let (reply, framing) = match head::parse(head)? {
                        Head::Interim => {
                            head.clear();
                            continue;
                        }
                        Head::Final(reply, framing) => (reply, framing),
                    };
                    let (body, is_last) = match framing {
                        Framing::Sound(body) => (body, false),
                        Framing::Last(_) if self.kept.is_none() => {
                            return Ok(Some(Whole { reply, reusable: false, content: None }));
                        }
                        Framing::Last(body) => (body, true),
                    };
                    let content = Content::of_at_most(self.kept.unwrap_or_default());
                    self.stage = Stage::Body(Box::new(Bodied { reply, body, is_last, content }));
                }
                Stage::Body(bodied) => {
                    let progress = bodied.body.handle_input(bytes, &mut bodied.content);
                    let reusable = match progress {
                        Progress::Incomplete => return Ok(None),
                        Progress::Whole(used) => used == bytes.len() && !bodied.is_last,
                        Progress::Lost => false,
                    };
                    let kept = self.kept.filter(|_| progress != Progress::Lost);
                    return Ok(Some(bodied.take(reusable, kept)));
                }
            }
        }
    }

    /// The connection has ended: a reply that lacks only the rest of its body says what it says.
    pub fn handle_end(self) -> Option<Whole> {
        match self.stage {
            Stage::Head(_) => None,
            Stage::Body(mut bodied) => {
                let is_whole = matches!(bodied.body, Body::UntilEnd(_));
                Some(bodied.take(false, self.kept.filter(|_| is_whole)))
            }
        }
    }
}

impl Bodied {
    fn take(&mut self, reusable: bool, kept: Option<usize>) -> Whole {
        let content = std::mem::replace(&mut self.content, Content::of_at_most(0));
        Whole { reply: self.reply.clone(), reusable, content: kept.and_then(|_| content.whole()) }
    }
}

/// Moves bytes into `head` up to its end; how many, if the end is among them.
fn take_head(head: &mut Vec<u8>, bytes: &[u8], left: &mut usize) -> Result<Option<usize>, ReplyFault> {
    for (index, byte) in bytes.iter().enumerate() {
        *left = left.checked_sub(1).ok_or(ReplyFault::TooLong)?;
        head.push(*byte);
        if !can_be_http(head) {
            return Err(ReplyFault::NotHttp);
        }
        if head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n") {
            return Ok(Some(index + 1));
        }
    }
    Ok(None)
}

/// Looks at the first bytes only, so that a server of another protocol is found out before it has to be waited for.
fn can_be_http(head: &[u8]) -> bool {
    const START: &[u8] = b"HTTP/1.";
    head.len() > START.len() || START.starts_with(head)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::body::LONGEST_BODY;
    use super::*;

    type Reading = Result<Option<Whole>, ReplyFault>;

    /// Reads what comes until there is a reply, as a connection would.
    fn in_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Reading {
        let mut reader = Reader::of_head();
        let mut pieces = pieces.peekable();
        while let Some(piece) = pieces.next() {
            match reader.handle_input(piece) {
                Ok(None) => {}
                // What comes later shows when nothing is asked any more.
                Ok(Some(whole)) => {
                    let reusable = whole.reusable && pieces.peek().is_none();
                    return Ok(Some(Whole { reusable, ..whole }));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(None)
    }

    /// Reads it whole, byte by byte and cut at every place, which must come to the same.
    fn read(bytes: &[u8]) -> Reading {
        let whole = in_pieces(std::iter::once(bytes));
        assert_eq!(in_pieces(bytes.chunks(1)), whole, "byte by byte: {:?}", String::from_utf8_lossy(bytes));
        for cut in 1..bytes.len().min(300) {
            let (start, end) = bytes.split_at(cut);
            assert_eq!(in_pieces([start, end].into_iter()), whole, "cut at {cut}");
        }
        whole
    }

    fn whole(status: u16, phrase: &str, reusable: bool) -> Reading {
        Ok(Some(Whole { reply: Reply { status, phrase: phrase.to_owned() }, reusable, content: None }))
    }

    #[test]
    fn a_reply_whose_end_is_clear_leaves_the_connection_usable() {
        for reply in [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5, 5\r\nConnection: keep-alive\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING:\tChunked \r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "HTTP/1.1  200   OK \r\nContent-Length : 0\r\nX-Folded: a\r\n  b: c\r\nX-Empty:\r\n\r\n",
        ] {
            assert_eq!(read(reply.as_bytes()), whole(200, "OK", true), "{reply:?}");
        }
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"), whole(204, "No Content", true));
        assert_eq!(
            read(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
            whole(204, "No Content", true)
        );
    }

    #[test]
    fn a_reply_whose_end_is_not_clear_counts_at_once_and_is_the_last() {
        for reply in [
            "HTTP/1.1 403 No\r\n\r\n",
            "HTTP/1.1 403 No\r\n\r\nbody until the end",
            "HTTP/1.0 403 No\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.0 403 No\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 403 No\r\nConnection: Upgrade , Close\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding:\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 403 No\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
            "HTTP/1.1 403 No\r\nContent-Length: 1048577\r\n\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        ] {
            assert_eq!(read(reply.as_bytes()), whole(403, "No", false), "{reply:?}");
        }
        assert_eq!(read(b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello"), whole(204, "x", false));
        assert_eq!(read(b"HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n"), whole(304, "x", false));
    }

    #[test]
    fn a_reply_inside_of_another_is_never_taken_for_one() {
        for (reply, status) in [
            // Two readers could disagree where the first one ends.
            (
                "HTTP/1.1 403 x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 x\r\n\r\n",
                403,
            ),
            ("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", 403),
            (
                "HTTP/1.1 403 x\r\nContent-Length: 39\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\nx\r\n",
                403,
            ),
            ("HTTP/1.1 204 x\r\n\r\nHTTP/1.1 403 x\r\n\r\n", 204),
            ("HTTP/1.1 403 x\r\nX: y\r\n HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\nx", 403),
        ] {
            let Ok(Some(whole)) = read(reply.as_bytes()) else { panic!("{reply:?}") };
            assert_eq!(whole.reply.status, status, "{reply:?}");
            assert!(!whole.reusable, "{reply:?}");
        }
    }

    #[test]
    fn the_phrase_is_what_follows_the_status() {
        for (line, phrase) in [
            ("403".as_bytes(), ""),
            (b"403 ", ""),
            (b"403 User unknown", "User unknown"),
            (b"403   User  unknown  ", "User  unknown"),
            ("403 Falsches Passwort für ä".as_bytes(), "Falsches Passwort für ä"),
            (b"403 Falsches Passwort f\xfcr", "Falsches Passwort für"),
            (b"403 a\tb", "ab"),
            (b"403 \xc2\x9ba", "a"),
        ] {
            let reply = [b"HTTP/1.1 ", line, b"\r\nContent-Length: 0\r\n\r\n"].concat();
            assert_eq!(read(&reply), whole(403, phrase, true));
        }
        let long = format!("HTTP/1.1 403 {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(50_000));
        assert_eq!(read(long.as_bytes()).unwrap().unwrap().reply.phrase.len(), 1023);
    }

    #[test]
    fn what_is_no_reply_is_a_fault() {
        for (bytes, fault) in [
            ("220 mail.example ESMTP\r\n".as_bytes(), ReplyFault::NotHttp),
            (b"* OK IMAP4rev1\r\n", ReplyFault::NotHttp),
            (b"\x16\x03\x01", ReplyFault::NotHttp),
            (b"HTTP/2 200\r\n\r\n", ReplyFault::NotHttp),
            (b"HTTP/2.0 200 OK\r\n\r\n", ReplyFault::NotHttp),
            (b"\r\nHTTP/1.1 200 OK\r\n\r\n", ReplyFault::NotHttp),
            (b"\0", ReplyFault::NotHttp),
            (b"HTTP/1.2 200 OK\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 20 OK\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 2000 OK\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 OK 200\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 200 O\0K\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 200 O\rK\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ReplyFault::Malformed),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", ReplyFault::Length),
            (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", ReplyFault::Switched),
        ] {
            assert_eq!(read(bytes), Err(fault), "{:?}", String::from_utf8_lossy(bytes));
        }
        let fields = "X: y\r\n".repeat(101);
        assert_eq!(
            read(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()),
            Err(ReplyFault::TooManyFields)
        );
    }

    #[test]
    fn an_endless_head_is_a_fault_at_the_bound() {
        for endless in
            ["x".repeat(LONGEST_HEAD), "X: y\r\n".repeat(LONGEST_HEAD), "\r\n X".repeat(LONGEST_HEAD)]
        {
            let head = format!("HTTP/1.1 200 OK\r\nX: {endless}");
            assert_eq!(in_pieces(head.as_bytes().chunks(1)), Err(ReplyFault::TooLong));
            assert_eq!(in_pieces(head.as_bytes().chunks(4096)), Err(ReplyFault::TooLong));
        }
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(LONGEST_HEAD);
        assert_eq!(in_pieces(interim.as_bytes().chunks(1000)), Err(ReplyFault::TooLong));
    }

    #[test]
    fn an_incomplete_reply_is_waited_for() {
        let reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for end in 0..reply.len() {
            assert_eq!(read(&reply[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn a_reply_that_lacks_only_the_rest_of_its_body_says_what_it_says() {
        let at_the_end = |bytes: &[u8]| {
            let mut reader = Reader::of_head();
            assert_eq!(reader.handle_input(bytes), Ok(None));
            reader.handle_end().map(|whole| whole.reply.status)
        };
        assert_eq!(at_the_end(b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhel"), Some(403));
        assert_eq!(at_the_end(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(403));
        assert_eq!(at_the_end(b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n"), None);
        assert_eq!(at_the_end(b"HTTP/1.1 100 Continue\r\n\r\n"), None);
        assert_eq!(at_the_end(b""), None);
    }

    /// What is kept of a body, cut at every place, and whether the connection is fit for another question.
    fn body_of(bytes: &[u8], ends: bool) -> Option<(Option<String>, bool)> {
        let read = |pieces: [&[u8]; 2]| {
            let mut reader = Reader::of_body(20);
            for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
                if let Some(whole) = reader.handle_input(piece).unwrap() {
                    return Some(whole);
                }
            }
            ends.then(|| reader.handle_end()).flatten()
        };
        let text =
            |whole: Whole| (whole.content.map(|bytes| String::from_utf8(bytes).unwrap()), whole.reusable);
        let whole = read([bytes, b""]).map(text);
        for cut in 1..bytes.len() {
            let (start, end) = bytes.split_at(cut);
            assert_eq!(
                read([start, end]).map(text),
                whole,
                "cut at {cut}: {:?}",
                bytes.escape_ascii().to_string()
            );
        }
        whole
    }

    #[test]
    fn a_body_that_is_to_be_kept_is_waited_for_even_if_it_is_the_last() {
        for (head, body, reusable) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "hello", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
                "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n", "hello", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n", "hello", false),
        ] {
            let reply = format!("{head}\r\n{body}");
            assert_eq!(
                body_of(reply.as_bytes(), false),
                Some((Some("hello".to_owned()), reusable)),
                "{reply:?}"
            );
        }
        let to_the_end = b"HTTP/1.1 200 OK\r\n\r\nhello";
        assert_eq!(body_of(to_the_end, false), None);
        assert_eq!(body_of(to_the_end, true), Some((Some("hello".to_owned()), false)));
    }

    #[test]
    fn a_body_that_is_cut_or_too_long_is_none() {
        for reply in [
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\n\r\n012345678901234567890",
        ] {
            assert_eq!(body_of(reply.as_bytes(), true), Some((None, false)), "{reply:?}");
        }
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n012345678901234567890";
        assert_eq!(body_of(long.as_bytes(), true), Some((None, true)));
    }

    #[test]
    fn a_body_is_read_up_to_the_bound() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LONGEST_BODY}\r\n\r\n");
        let reply = [head.as_bytes(), &vec![b'x'; LONGEST_BODY]].concat();
        assert_eq!(in_pieces(reply.chunks(4096)), whole(200, "OK", true));
        let chunks = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        let reply = head + &chunks.repeat(LONGEST_BODY / 1024 + 1);
        assert_eq!(in_pieces(reply.as_bytes().chunks(4096)), whole(200, "OK", false));
    }
}
