//! DIGEST-MD5 (RFC 2831), as the client: what directories of Microsoft take beside Kerberos.
//!
//! The password is not sent, and the server proves that it knows it. Authentication only (`qop=auth`): what follows on the
//! connection is protected by TLS or not at all. MD5 and the protocol are weak (RFC 6331); SCRAM or TLS with PLAIN are better
//! where a server has them.
#![forbid(unsafe_code)]

mod directives;
#[cfg(test)]
pub(super) mod tests;

use crate::hash::{Hash, OpenSslError, hash};
use crate::secret::Secret;
use directives::push_quoted;
use subtle::ConstantTimeEq;

/// The longest challenge, in bytes: RFC 2831, section 2.1.1.
const LONGEST_CHALLENGE: usize = 2048;

/// The service in `digest-uri`, as IANA registers it.
const SERVICE: &str = "ldap";

/// Our side of one login.
pub struct Client {
    /// What the server will have to say at the end.
    expected: Secret,
}

/// Who logs in where.
pub struct Login<'a> {
    /// The account.
    pub name: &'a [u8],
    /// On whose behalf; empty for the account's own.
    pub acts_as: &'a [u8],
    /// The realm to choose if the server has several; empty for the server's first.
    pub realm: &'a [u8],
    /// The password.
    pub password: &'a Secret,
    /// The server's name.
    pub host: &'a str,
}

impl Client {
    /// Answers the server's challenge. `cnonce`: a nonce that has never been used before.
    ///
    /// # Errors
    /// When the challenge is malformed, or demands what we do not have; the sentence is for the log.
    pub fn respond(challenge: &[u8], login: &Login<'_>, cnonce: &str) -> Result<(Self, Secret), String> {
        let challenge = Challenge::parse(challenge)?;
        let realm = challenge.realm(login.realm);
        let uri = format!("{SERVICE}/{}", login.host);
        let secret = Hashes { challenge: &challenge, login, realm, cnonce, uri: &uri };
        let failed = |error: OpenSslError| format!("OpenSSL cannot compute DIGEST-MD5: {error}");
        let (response, expected) = secret.compute().map_err(failed)?;
        let message = message(&challenge, login, realm, cnonce, &uri, &response);
        Ok((Self { expected }, message))
    }

    /// Looks whether the server's last message, `rspauth=…`, proves that it knows the password.
    ///
    /// # Errors
    /// When it does not: then this is another server than it should be, whatever it says about the login.
    pub fn verify(&self, message: &[u8]) -> Result<(), String> {
        let directives = directives::parse(message);
        let theirs = directives.iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case(b"rspauth"));
        let is_proof = theirs.is_some_and(|(_, theirs)| theirs.ct_eq(self.expected.as_bytes()).into());
        let lacks = "the server does not prove by DIGEST-MD5 that it knows the password";
        if is_proof { Ok(()) } else { Err(lacks.to_owned()) }
    }
}

/// What a server asks for: RFC 2831, section 2.1.1.
struct Challenge {
    realms: Vec<Vec<u8>>,
    nonce: Vec<u8>,
    is_utf_8: bool,
}

impl Challenge {
    fn parse(message: &[u8]) -> Result<Self, String> {
        let malformed = || "the server's DIGEST-MD5 challenge is malformed".to_owned();
        if message.len() > LONGEST_CHALLENGE {
            return Err("the server's DIGEST-MD5 challenge is too long".to_owned());
        }
        let directives = directives::parse(message).ok_or_else(malformed)?;
        let all = |wanted: &str| -> Vec<&Vec<u8>> {
            let same = |name: &[u8]| name.eq_ignore_ascii_case(wanted.as_bytes());
            directives.iter().filter(|(name, _)| same(name)).map(|(_, value)| value).collect()
        };
        let (nonces, algorithms) = (all("nonce"), all("algorithm"));
        let ([nonce], [algorithm]) = (nonces.as_slice(), algorithms.as_slice()) else {
            return Err(malformed());
        };
        if nonce.is_empty() || !algorithm.eq_ignore_ascii_case(b"md5-sess") {
            return Err(malformed());
        }
        let has_auth = |list: &&Vec<u8>| {
            list.split(|byte| matches!(byte, b',' | b' ')).any(|word| word.eq_ignore_ascii_case(b"auth"))
        };
        let qop = all("qop");
        if !qop.is_empty() && !qop.iter().any(has_auth) {
            return Err("the server wants DIGEST-MD5 with a layer of its own, which is not spoken: use TLS"
                .to_owned());
        }
        Ok(Self {
            realms: all("realm").into_iter().cloned().collect(),
            nonce: nonce.to_vec(),
            is_utf_8: all("charset").iter().any(|charset| charset.eq_ignore_ascii_case(b"utf-8")),
        })
    }

    /// The wanted one if the server has it or has none at all, else its first: it knows no others.
    fn realm<'a>(&'a self, wanted: &'a [u8]) -> &'a [u8] {
        match self.realms.first() {
            Some(first) if !self.realms.iter().any(|realm| realm == wanted) => first,
            _ => wanted,
        }
    }
}

/// Everything that the two proofs are made of: RFC 2831, section 2.1.2.1.
struct Hashes<'a> {
    challenge: &'a Challenge,
    login: &'a Login<'a>,
    realm: &'a [u8],
    cnonce: &'a str,
    uri: &'a str,
}

impl Hashes<'_> {
    /// Our response, and what the server must say, both in hexadecimal.
    fn compute(&self) -> Result<(Secret, Secret), OpenSslError> {
        let latin =
            |text: &[u8]| if self.challenge.is_utf_8 { in_latin_1(text) } else { Secret::copy_of(text) };
        let (name, realm) = (latin(self.login.name), latin(self.realm));
        let password = latin(self.login.password.as_bytes());
        let user = md5(&[name.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()])?;
        let mut parts = vec![user.as_bytes(), b":", &self.challenge.nonce, b":", self.cnonce.as_bytes()];
        if !self.login.acts_as.is_empty() {
            parts.extend([b":".as_slice(), self.login.acts_as]);
        }
        let session = hexadecimal(&md5(&parts)?);
        Ok((self.proof(&session, b"AUTHENTICATE:")?, self.proof(&session, b":")?))
    }

    fn proof(&self, session: &Secret, method: &[u8]) -> Result<Secret, OpenSslError> {
        let asked = hexadecimal(&md5(&[method, self.uri.as_bytes()])?);
        let (nonce, cnonce) = (self.challenge.nonce.as_slice(), self.cnonce.as_bytes());
        let parts = [session.as_bytes(), b":", nonce, b":", COUNT, b":", cnonce, b":auth:", asked.as_bytes()];
        Ok(hexadecimal(&md5(&parts)?))
    }
}

/// How often the nonce has been used: each login has its own.
const COUNT: &[u8] = b"00000001";

/// The digest-response: RFC 2831, section 2.1.2.
fn message(
    challenge: &Challenge,
    login: &Login<'_>,
    realm: &[u8],
    cnonce: &str,
    uri: &str,
    response: &Secret,
) -> Secret {
    let mut message = Secret::default();
    if challenge.is_utf_8 {
        message.extend_from_slice(b"charset=utf-8,");
    }
    push_quoted(&mut message, "username", login.name);
    if !realm.is_empty() || !challenge.realms.is_empty() {
        push_quoted(&mut message, "realm", realm);
    }
    push_quoted(&mut message, "nonce", &challenge.nonce);
    message.extend_from_slice(b"nc=");
    message.extend_from_slice(COUNT);
    message.extend_from_slice(b",qop=auth,");
    push_quoted(&mut message, "cnonce", cnonce.as_bytes());
    push_quoted(&mut message, "digest-uri", uri.as_bytes());
    if !login.acts_as.is_empty() {
        push_quoted(&mut message, "authzid", login.acts_as);
    }
    message.extend_from_slice(b"response=");
    message.extend_from_slice(response.as_bytes());
    message
}

/// In ISO 8859-1, if all of it can be: RFC 2831, section 2.1.2.1, wants it hashed so.
fn in_latin_1(text: &[u8]) -> Secret {
    let Ok(utf_8) = std::str::from_utf8(text) else { return Secret::copy_of(text) };
    let mut latin = Secret::with_capacity(text.len());
    for character in utf_8.chars() {
        match u8::try_from(u32::from(character)) {
            Ok(byte) => latin.extend_from_slice(&[byte]),
            Err(_) => return Secret::copy_of(text),
        }
    }
    latin
}

fn md5(parts: &[&[u8]]) -> Result<Secret, OpenSslError> {
    hash(Hash::Md5, parts)
}

/// In small letters.
pub(super) fn hexadecimal(bytes: &Secret) -> Secret {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Secret::with_capacity(bytes.len() * 2);
    for byte in bytes.as_bytes() {
        for half in [byte >> 4, byte & 15] {
            let digit = DIGITS.get(usize::from(half)).copied().unwrap_or_default();
            text.extend_from_slice(&[digit]);
        }
    }
    text
}
