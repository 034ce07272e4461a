//! What proves nothing, however a server puts it, is no acceptance; and nothing secret goes astray.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::Ldap;
use super::super::question::{Entry, Found};
use super::super::result_code::ResultCode;
use super::super::settings::Realms;
use super::super::testing::{result, seen};
use super::*;
use crate::config::NetworkSettings;
use crate::net::exchange::{Address, PoolId, Protocol, TlsMode};
use crate::outcome::Verdict;
use crate::settings::file::Text;
use crate::settings::raw_settings::RawSettings;

const BASE: &str = "ldap_servers: ldap://a/\nldap_search_base: dc=x\n";
const GROUP: &str = "ldap_group_match_method: filter\nldap_group_filter: (member=%D)\n";
const SASL: &str = "ldap_use_sasl: yes\nldap_mech: SCRAM-SHA-256\nldap_id: service\nldap_bind_pw: s\n";

/// A login on its way, and where it stands.
struct Talk {
    ldap: Ldap,
    check: Check,
    next: Next,
}

impl Talk {
    fn new(file: &str, login: &str) -> Self {
        let path = "/etc/saslauthd.conf".into();
        let text = Text { path, bytes: Secret::copy_of(format!("{BASE}{file}").as_bytes()) };
        let sources = RawSettings { file: Some(text), ..RawSettings::default() };
        let mut problems = Vec::new();
        let realms = Realms::read(&sources, &mut problems);
        let ldap = Ldap::new(realms.unwrap_or_else(|| panic!("{problems:?}")), &NetworkSettings::DEFAULT);
        let mut check = ldap
            .exchange(Credentials { service: b"imap".to_vec(), ..Credentials::of_login(login, b"geheim") });
        let next = check.begin();
        Self { ldap, check, next }
    }

    fn hear(&mut self, answer: Answer) {
        self.next = self.check.handle_answer(Ok(answer));
    }

    /// What is asked or decided now.
    fn shown(&self) -> String {
        match &self.next {
            Step::Ask(_, Question::SaslBind { choice, identity, .. }) => {
                format!("sasl {} {}", choice.name(), String::from_utf8_lossy(&identity.name))
            }
            Step::Ask(
                _,
                Question::Search { request, .. }
                | Question::Compare { request, .. }
                | Question::Bind { request, .. },
            ) => {
                let mut bytes = Secret::default();
                request.write(1, &mut bytes);
                seen(bytes.as_bytes())[0].text.clone()
            }
            Step::Errand(_) => "errand".to_owned(),
            Step::Done(verdict) => shown(verdict),
        }
    }

    fn pool(&self) -> PoolId {
        match &self.next {
            Step::Ask(pool, _) => *pool,
            _ => panic!("{}", self.shown()),
        }
    }

    /// The servers that are asked now, and whether they know the service account.
    fn asked(&self) -> (Vec<(String, TlsMode)>, bool) {
        let pool = self.ldap.pool(self.pool());
        let servers = pool.servers.iter().map(|server| (address(&server.address), server.tls));
        (servers.collect(), self.ldap.pools.account(self.pool(), false).is_some())
    }
}

fn address(address: &Address) -> String {
    match address {
        Address::Host { host, service } => format!("{host}:{service}"),
        Address::Path(path) => path.display().to_string(),
    }
}

fn shown(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Accept(_) => "accept".to_owned(),
        Outcome::Reject(refusal) => format!("reject {refusal:?}"),
        other => format!("unavailable {other:?}"),
    }
}

fn found(names: &[&str], code: ResultCode) -> Answer {
    let entry = |name: &&str| Entry { name: name.as_bytes().to_vec(), values: Vec::new() };
    Answer::Found(Found {
        server: 0,
        entries: names.len(),
        first: names.first().map(entry),
        references: Vec::new(),
        result: result(code),
    })
}

fn referral(uri: &str) -> LdapResult {
    LdapResult { referral: vec![uri.as_bytes().to_vec()], ..result(ResultCode::REFERRAL) }
}

#[test]
fn a_login_is_found_as_the_service_account_and_bound_as_itself() {
    let mut talk = Talk::new(GROUP, "anna");
    assert!(talk.asked().1);
    talk.hear(found(&["cn=anna"], ResultCode::SUCCESS));
    assert_eq!(talk.shown(), "bind cn=anna geheim");
    assert!(!talk.asked().1);
    talk.hear(Answer::Bound(result(ResultCode::SUCCESS)));
    assert!(talk.shown().contains("member=cn=anna") && talk.asked().1, "{}", talk.shown());
    talk.hear(found(&["cn=g"], ResultCode::SUCCESS));
    assert_eq!(talk.shown(), "accept");
}

#[test]
fn a_name_that_a_server_takes_for_nobody_is_not_bound_as() {
    for name in ["", " ", " \t\n", "\0", "\0cn=anna"] {
        let mut talk = Talk::new("", "anna");
        talk.hear(found(&[name], ResultCode::SUCCESS));
        assert!(talk.shown().starts_with("reject"), "{name:?}: {}", talk.shown());
    }
    for (template, login) in [("%u", "  "), ("%U", "\t@x"), ("%d", "anna"), ("%u", "\n ")] {
        let talk = Talk::new(&format!("ldap_auth_method: fastbind\nldap_filter: {template}\n"), login);
        assert!(talk.shown().starts_with("reject"), "{template} {login:?}: {}", talk.shown());
    }
}

#[test]
fn only_success_is_an_acceptance() {
    for code in (-2..130).chain([256, 4096, i32::MAX, i32::MIN]).filter(|code| *code != 0) {
        let mut talk = Talk::new("", "anna");
        talk.hear(found(&["cn=anna"], ResultCode::SUCCESS));
        talk.hear(Answer::Bound(result(ResultCode(code))));
        assert_ne!(talk.shown(), "accept", "{code}");
        let mut talk = Talk::new(SASL, "anna");
        talk.hear(Answer::Bound(result(ResultCode(code))));
        assert_ne!(talk.shown(), "accept", "{code}");
    }
}

#[test]
fn a_search_that_fails_finds_nobody_whatever_it_has_returned() {
    for code in (1..130).filter(|code| *code != ResultCode::NO_SUCH_OBJECT.0) {
        let mut talk = Talk::new("", "anna");
        talk.hear(found(&["cn=anna"], ResultCode(code)));
        assert!(matches!(talk.next, Step::Done(_) | Step::Ask(..)), "{code}");
        assert!(!talk.shown().starts_with("bind"), "{code}: {}", talk.shown());
    }
}

#[test]
fn a_group_search_that_fails_proves_nothing() {
    let in_group = |names: &[&str], code| {
        let mut talk =
            Talk::new(&format!("ldap_auth_method: fastbind\nldap_filter: uid=%u\n{GROUP}"), "anna");
        talk.hear(Answer::Bound(result(ResultCode::SUCCESS)));
        talk.hear(found(names, code));
        talk.shown()
    };
    for code in (1..130).filter(|code| *code != ResultCode::SIZE_LIMIT_EXCEEDED.0).map(ResultCode) {
        assert_ne!(in_group(&["cn=g"], code), "accept", "{code}");
        assert_ne!(in_group(&[], code), "accept", "{code}");
    }
    assert!(in_group(&[], ResultCode::SUCCESS).starts_with("reject"));
    assert!(in_group(&[], ResultCode::UNAVAILABLE).starts_with("unavailable"));
    // One group is enough, and the account may see more of them than ldap_size_limit allows.
    assert_eq!(in_group(&["cn=g"], ResultCode::SIZE_LIMIT_EXCEEDED), "accept");
}

#[test]
fn a_group_comparison_proves_something_by_its_one_result_only() {
    for code in (0..130).filter(|code| *code != ResultCode::COMPARE_TRUE.0) {
        let file = "ldap_auth_method: fastbind\nldap_filter: uid=%u\nldap_group_dn: cn=g\n";
        let mut talk = Talk::new(file, "anna");
        talk.hear(Answer::Bound(result(ResultCode::SUCCESS)));
        assert_eq!(talk.shown(), "compare cn=g uniqueMember uid=anna");
        assert!(talk.asked().1, "the account asks");
        talk.hear(Answer::Compared(result(ResultCode(code))));
        assert_ne!(talk.shown(), "accept", "{code}");
    }
}

#[test]
fn a_group_needs_somebody_to_be_in_it() {
    for identity in ["", "dn:", "u:anna", "cn=anna"] {
        let mut talk = Talk::new(&format!("{SASL}{GROUP}"), "anna");
        talk.hear(Answer::Known(identity.into()));
        assert!(talk.shown().starts_with("unavailable"), "{identity:?}: {}", talk.shown());
    }
}

#[test]
fn realms_share_what_is_known_of_a_server_only_with_the_same_account_and_tls() {
    let file = "ldap_bind_dn: cn=s\nldap_bind_pw: s\n[realm one]\nldap_search_base: dc=one\n\
                [realm two]\nldap_bind_pw: t\n[realm three]\nldap_tls_check_peer: no\n";
    let seen: Vec<_> = ["x", "x@one", "x@two", "x@three"]
        .map(|login| {
            let talk = Talk::new(file, login);
            (talk.pool(), talk.ldap.pool(talk.pool()).credential_scope)
        })
        .into();
    assert_eq!(seen[0], seen[1]);
    assert!(seen[1].1 != seen[2].1 && seen[2].1 != seen[3].1 && seen[1].1 != seen[3].1, "{seen:?}");
}

/// Whoever can answer in the server's place must not be told with a referral what SCRAM never tells.
#[test]
fn a_referral_does_not_turn_a_bind_by_sasl_into_one_in_clear() {
    let mut talk = Talk::new(&format!("{SASL}ldap_referrals: yes\n"), "anna");
    assert_eq!(talk.shown(), "sasl SCRAM-SHA-256 anna");
    talk.hear(Answer::Bound(referral("ldap://a:389/cn=boss")));
    assert_eq!(talk.shown(), "sasl SCRAM-SHA-256 anna");
    talk.hear(Answer::Bound(result(ResultCode::SUCCESS)));
    assert_eq!(talk.shown(), "accept");
}

#[test]
fn referrals_are_followed_five_times_and_to_configured_hosts_only() {
    let mut talk = Talk::new("ldap_referrals: yes\n", "anna");
    for _ in 0..5 {
        talk.hear(Answer::Found(Found {
            server: 0,
            entries: 0,
            first: None,
            references: Vec::new(),
            result: referral("ldap://a/dc=y"),
        }));
        assert!(talk.shown().starts_with("search dc=y"), "{}", talk.shown());
    }
    talk.hear(Answer::Found(Found {
        server: 0,
        entries: 0,
        first: None,
        references: Vec::new(),
        result: referral("ldap://a/dc=y"),
    }));
    assert!(talk.shown().starts_with("unavailable"), "{}", talk.shown());
    for uri in ["ldap://b/", "ldap://a:1389/", "ldapi:///", "ldap://a.b/", "ldap://a@b/", "x", ""] {
        let mut talk = Talk::new("ldap_referrals: yes\n", "anna");
        talk.hear(found(&["cn=anna"], ResultCode::SUCCESS));
        talk.hear(Answer::Bound(referral(uri)));
        assert!(talk.shown().starts_with("unavailable"), "{uri}: {}", talk.shown());
    }
}

/// `ldap://` in a referral only says where; whether passwords go there in clear is not for a server to say.
#[test]
fn a_referral_leads_to_no_less_tls_than_is_configured() {
    let clear = TlsMode::Off;
    for (servers, uri, tls) in [
        ("ldaps://b/", "ldap://b/", TlsMode::StartTls),
        ("ldaps://b/ ldapi:///", "ldap://b/", TlsMode::StartTls),
        ("ldaps://b/ ldap://a/", "ldap://b/", TlsMode::StartTls),
        ("ldaps://b/ ldap://a/", "ldap://a/", clear),
        ("ldaps://b/ ldap://a/", "ldap://other/", TlsMode::StartTls),
        ("ldapi:///\nldap_start_tls: yes", "ldap://other/", TlsMode::StartTls),
        ("ldap://a/\nldap_start_tls: yes", "ldap://a/", TlsMode::StartTls),
        ("ldap://a/", "ldap://other/", clear),
        ("ldap://a/", "ldaps://other/", TlsMode::Implicit),
    ] {
        let file = format!("ldap_referrals: yes\nldap_referral_hosts: other\nldap_servers: {servers}\n");
        let mut talk = Talk::new(&file, "anna");
        talk.hear(found(&["cn=anna"], ResultCode::SUCCESS));
        talk.hear(Answer::Bound(referral(uri)));
        assert_eq!(talk.asked().0[0].1, tls, "{servers}: {uri}");
    }
}

#[test]
fn a_server_that_repeats_the_password_does_not_bring_it_into_the_log() {
    for code in [ResultCode::INVALID_CREDENTIALS, ResultCode::OTHER, ResultCode::REFERRAL] {
        for file in ["ldap_auth_method: fastbind\nldap_filter: uid=%u\n", SASL] {
            let mut talk = Talk::new(file, "anna");
            let diagnostic = b"no such password: geheim!".to_vec();
            talk.hear(Answer::Bound(LdapResult { diagnostic, ..result(code) }));
            assert!(!talk.shown().contains("geheim"), "{}", talk.shown());
        }
    }
    let mut talk = Talk::new("ldap_auth_method: fastbind\nldap_filter: uid=%u\n", "anna");
    let diagnostic = b"the account is locked".to_vec();
    talk.hear(Answer::Bound(LdapResult { diagnostic, ..result(ResultCode::INVALID_CREDENTIALS) }));
    assert!(talk.shown().contains("the account is locked"), "{}", talk.shown());
}
