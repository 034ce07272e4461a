//! What a directory can do to ldap.

use crate::input::{Input, ways_to_cut};
use crate::memory::most_held;
use crate::play::{Happening, Play, is_accepted};
use saslauthd::config::NetworkSettings;
use saslauthd::mechanism::ldap::ber::{self, Reader};
use saslauthd::mechanism::ldap::{Ldap, settings::Realms};
use saslauthd::secret::Secret;
use saslauthd::settings::file::Text;
use saslauthd::settings::raw_settings::RawSettings;

/// Between two parts of an input.
pub const SEPARATOR: &[u8] = b"\xff\xff\xff\xff";

/// What comes is kept until a message is whole, which may have 1 MiB; the rest is for what is in it.
const MOST_HELD: usize = 16 * 1024 * 1024;

/// The ways to check a login.
const FILES: [&str; 6] = [
    "ldap_bind_dn: cn=service\nldap_bind_pw: s3rvice\n",
    "ldap_auth_method: fastbind\nldap_filter: uid=%u,dc=x\n",
    "ldap_auth_method: custom\nldap_referrals: yes\nldap_referral_hosts: a b\nldap_group_filter: (member=%D)\n\
     ldap_group_match_method: filter\n",
    "ldap_start_tls: yes\nldap_group_dn: cn=g\nldap_group_attr: member\n",
    "ldap_use_sasl: yes\nldap_mech: PLAIN\nldap_id: service\nldap_bind_pw: s3rvice\nldap_group_dn: cn=g\n\
     ldap_group_attr: member\n",
    "ldap_referrals: yes\nldap_referral_hosts: a b\n",
];

/// The one that compares passwords itself.
const CUSTOM: u8 = 2;
/// The one with StartTLS.
const START_TLS: u8 = 3;

/// Whatever the directory says: the same comes of it in whatever pieces; what is sent is LDAP, with the login and the
/// password in their places and never in clear where TLS is wanted; and nobody gets in without a bind that succeeds.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let file = input.choose(6);
    let times = 1 << input.choose(16);
    let (login, password) = (input.part(), input.part());
    let turns = input.rest(times);
    let mut records = ways_to_cut(turns.iter().map(Vec::len).sum()).into_iter().map(|way| {
        // Each with its own: a mechanism learns the servers that it is referred to.
        let ldap = ldap(FILES[usize::from(file)]);
        let play = Play { protocol: &ldap, server: 0, login, password, turns: &turns };
        let (record, held) = most_held(|| play.play(way));
        assert!(held <= MOST_HELD, "{held} bytes held");
        record
    });
    let record = records.next().expect("there is a way to cut");
    records.for_each(|other| assert_eq!(other, record));
    let mut sent = Sent { login, password, start_tls: file == START_TLS, proofs: 0 };
    record.iter().for_each(|happening| sent.take(happening));
    if is_accepted(&record) {
        let said = turns.concat();
        assert!(file == CUSTOM || sent.proofs > 0, "nobody is let in without a password that was looked at");
        assert!(file == CUSTOM || may_bind(&said), "nobody is let in without a bind that succeeds");
    }
}

/// The mechanism, with the servers and the filter that all have.
fn ldap(file: &str) -> Ldap {
    let file = format!("ldap_servers: ldap://a/\nldap_search_base: dc=x\n{file}");
    let text = Text { path: "/etc/saslauthd.conf".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    let mut problems = Vec::new();
    let realms = Realms::read(&sources, &mut problems);
    Ldap::new(realms.unwrap_or_else(|| panic!("{problems:?}")), &NetworkSettings::DEFAULT)
}

/// Whether there may be the answer to a bind that begins with a result.
fn may_bind(said: &[u8]) -> bool {
    let binds = said.iter().enumerate().filter(|(_, byte)| **byte == 0x61);
    binds.into_iter().any(|(place, _)| said[place..].iter().take(12).any(|byte| *byte == ber::ENUMERATED))
}

/// What was sent so far.
struct Sent<'a> {
    login: &'a [u8],
    password: &'a [u8],
    /// TLS is wanted and has not begun.
    start_tls: bool,
    /// Binds with the user's password.
    proofs: usize,
}

impl Sent<'_> {
    fn take(&mut self, happening: &Happening) {
        match happening {
            Happening::Secured => self.start_tls = false,
            Happening::Sent(bytes) => {
                let mut reader = Reader::new(&bytes.0);
                while !reader.is_empty() {
                    self.take_message(reader.enter(ber::SEQUENCE).expect("a message"));
                }
            }
            _ => {}
        }
    }

    fn take_message(&mut self, mut message: Reader<'_>) {
        assert!(message.number(ber::INTEGER).expect("a number") > 0);
        let operation = message.element().expect("an operation");
        assert!(message.is_empty(), "there are no controls");
        assert!(
            !self.start_tls || operation.tag == 0x77 || operation.tag == 0x42,
            "something is sent in clear"
        );
        let mut inside = operation.inside();
        match operation.tag {
            0x60 => self.take_bind(&mut inside),
            0x63 => self.take_search(&mut inside),
            0x6e => {
                inside.required(ber::OCTET_STRING).expect("a name");
                let mut assertion = inside.enter(ber::SEQUENCE).expect("an assertion");
                assert_eq!(assertion.required(ber::OCTET_STRING), Ok(b"member".as_slice()));
            }
            0x77 => {
                let name = inside.required(0x80).expect("a name");
                assert!(name == b"1.3.6.1.4.1.1466.20037" || name == b"1.3.6.1.4.1.4203.1.11.3");
            }
            0x42 => assert!(inside.is_empty()),
            tag => panic!("no request has the tag {tag:#04x}"),
        }
    }

    fn take_bind(&mut self, bind: &mut Reader<'_>) {
        assert_eq!(bind.number(ber::INTEGER), Ok(3));
        let name = bind.required(ber::OCTET_STRING).expect("a name");
        let proof = bind.element().expect("a proof");
        match proof.tag {
            0x80 if (name, proof.content) == (b"cn=service", b"s3rvice") => {}
            0x80 => {
                assert_eq!(proof.content, self.password);
                assert!(!name.is_empty() && !self.password.is_empty(), "a bind of nobody");
                self.proofs += 1;
            }
            0xa3 => {
                let mut sasl = proof.inside();
                assert_eq!(sasl.required(ber::OCTET_STRING), Ok(b"PLAIN".as_slice()));
                let message = sasl.required(ber::OCTET_STRING).expect("a message");
                let name: &[u8] = if self.login.contains(&b'@') { b"" } else { b"@example.org" };
                let own = [b"\0", self.login, name, b"\0", self.password].concat();
                let service = b"\0service\0s3rvice";
                assert!(message == own || message == service, "{}", message.escape_ascii());
                self.proofs += usize::from(message == own);
            }
            tag => panic!("no proof has the tag {tag:#04x}"),
        }
        assert!(bind.is_empty());
    }

    fn take_search(&self, search: &mut Reader<'_>) {
        search.required(ber::OCTET_STRING).expect("a base");
        for tag in [ber::ENUMERATED, ber::ENUMERATED, ber::INTEGER, ber::INTEGER] {
            search.number(tag).expect("a number");
        }
        search.required(ber::BOOLEAN).expect("a flag");
        let mut filter = search.enter(0xa3).expect("an equality");
        let attribute = filter.required(ber::OCTET_STRING).expect("an attribute");
        let value = filter.required(ber::OCTET_STRING).expect("a value");
        match attribute {
            b"uid" => assert_eq!(value, self.login),
            b"member" => {}
            other => panic!("no filter asks for {}", other.escape_ascii()),
        }
        search.required(ber::SEQUENCE).expect("attributes");
        assert!(search.is_empty());
    }
}
