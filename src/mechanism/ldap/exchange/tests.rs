//! Logins from the first question to the verdict, with answers as servers give them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::Ldap;
use super::super::question::{Entry, Found};
use super::super::result_code::ResultCode;
use super::super::settings::Realms;
use super::super::testing::{result, seen};
use super::*;
use crate::config::NetworkSettings;
use crate::config::ServerOrder;
use crate::job::Errand;
use crate::net::exchange::{FailureKind, PoolId, Protocol};
use crate::outcome::Verdict;
use crate::settings::file::Text;
use crate::settings::raw_settings::RawSettings;

fn ldap(file: &str) -> Ldap {
    let file = Text { path: "saslauthd.conf".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let mut problems = Vec::new();
    let realms = Realms::read(&RawSettings { file: Some(file), ..RawSettings::default() }, &mut problems);
    Ldap::new(realms.unwrap_or_else(|| panic!("{problems:?}")), &NetworkSettings::DEFAULT)
}

const SERVICE: &str = "ldap_bind_dn: cn=service\nldap_bind_pw: service-pw\nldap_search_base: dc=x\n";

/// One login, with each step written down as text.
struct Login {
    ldap: Ldap,
    check: Check,
    pool: PoolId,
    errand: Option<Errand>,
    step: String,
}

impl Login {
    fn new(file: &str, login: &[u8], password: &[u8], realm: &str) -> Self {
        let ldap = ldap(file);
        let check = ldap.exchange(Credentials {
            service: b"imap".to_vec(),
            realm: realm.into(),
            ..Credentials::of_login(login, password)
        });
        let mut login = Self { ldap, check, pool: PoolId(99), errand: None, step: String::new() };
        let step = login.check.begin();
        login.note(step);
        login
    }

    fn anna(file: &str) -> Self {
        Self::new(file, b"anna", b"pw", "")
    }

    fn note(&mut self, step: Step<Question>) {
        self.step = match step {
            Step::Ask(pool, question) => {
                self.pool = pool;
                shown(&question)
            }
            Step::Errand(errand) => {
                self.errand = Some(errand);
                "errand".to_owned()
            }
            Step::Done(Verdict { outcome, .. }) => {
                assert!(["OK", "NO"].contains(&outcome.reply().as_str()), "C's replies have no text");
                match outcome {
                    Outcome::Accept(_) => "accept".to_owned(),
                    Outcome::Reject(refusal) if refusal.is_unknown_login => {
                        format!("reject as unknown: {}", refusal.reason)
                    }
                    Outcome::Reject(refusal) => format!("reject: {}", refusal.reason),
                    Outcome::Unavailable(refusal) => format!("unavailable: {}", refusal.reason),
                }
            }
        };
    }

    fn hear(&mut self, answer: Answer) -> &str {
        let step = self.check.handle_answer(Ok(answer));
        self.note(step);
        &self.step
    }

    /// A bind's result.
    fn bound(&mut self, code: ResultCode) -> &str {
        self.hear(Answer::Bound(result(code)))
    }

    /// What a search found: entries with the same values.
    fn found(&mut self, names: &[&str], values: &[&str], code: ResultCode) -> &str {
        self.hear(Answer::Found(found(names, values, code)))
    }

    fn found_nothing_but(&mut self, references: &[&str], referral: &[&str]) -> &str {
        let mut found = found(&[], &[], ResultCode::SUCCESS);
        found.references = references.iter().map(|uri| vec![uri.as_bytes().to_vec()]).collect();
        if !referral.is_empty() {
            found.result = referred(referral);
        }
        self.hear(Answer::Found(found))
    }

    /// The servers that the last question goes to, and as whom.
    fn asked(&self) -> String {
        let pool = self.ldap.pool(self.pool);
        let servers: Vec<_> =
            pool.servers.iter().map(|server| format!("{}+{:?}", server.name, server.tls)).collect();
        let account = self.check.pools.account(self.pool, false).map(|account| account.name());
        format!("{} as {}", servers.join(" "), account.unwrap_or_else(|| "the user".to_owned()))
    }

    fn work(&mut self, result: ErrandResult) -> &str {
        let step = self.check.handle_errand(result);
        self.note(step);
        &self.step
    }

    fn stored(&mut self) -> String {
        match self.errand.take() {
            Some(Errand::CheckPassword { password, stored }) => {
                assert_eq!(password.as_bytes(), self.check.credentials.password.as_bytes());
                String::from_utf8(stored.as_bytes().to_vec()).unwrap()
            }
            _ => panic!("nothing is to be compared"),
        }
    }
}

fn shown(question: &Question) -> String {
    let request = |operation: &super::super::message::Operation| {
        let mut buffer = Secret::default();
        operation.write(1, &mut buffer);
        seen(buffer.as_bytes()).remove(0).text
    };
    match question {
        Question::Search { request: operation, .. }
        | Question::Compare { request: operation, .. }
        | Question::Bind { request: operation, .. } => request(operation),
        Question::SaslBind { choice, identity, tell_dn } => {
            let name = String::from_utf8_lossy(&identity.name);
            format!("sasl {} {name} {tell_dn}", choice.name())
        }
    }
}

fn found(names: &[&str], values: &[&str], code: ResultCode) -> Found {
    let entry = |name: &&str| Entry {
        name: name.as_bytes().to_vec(),
        values: values.iter().map(|value| Secret::copy_of(value.as_bytes())).collect(),
    };
    Found {
        server: 0,
        entries: names.len(),
        first: names.first().map(entry),
        references: Vec::new(),
        result: result(code),
    }
}

fn referred(uris: &[&str]) -> LdapResult {
    let referral = uris.iter().map(|uri| uri.as_bytes().to_vec()).collect();
    LdapResult { referral, ..result(ResultCode::REFERRAL) }
}

/// Results by which a server says no to a password, and by which it says that something is wrong with itself.
const REFUSALS: [i32; 5] = [49, 48, 34, 50, 19];
const FAILURES: [i32; 11] = [1, 2, 3, 7, 8, 11, 13, 53, 80, 14, 4096];

#[test]
fn bind_searches_as_the_service_account_and_binds_as_what_it_finds() {
    let mut login = Login::anna(SERVICE);
    assert_eq!(login.step, "search dc=x 2 0 1 5 uid=anna 1.1");
    assert_eq!(login.asked(), "ldap://localhost+Off as cn=service");
    assert_eq!(login.found(&["cn=Anna,dc=x"], &[], ResultCode::SUCCESS), "bind cn=Anna,dc=x pw");
    assert_eq!(login.asked(), "ldap://localhost+Off as the user");
    assert_eq!(login.bound(ResultCode::SUCCESS), "accept");
}

#[test]
fn the_same_login_binds_every_time() {
    let ldap = ldap("ldap_auth_method: fastbind\nldap_filter: uid=%u\n");
    for _ in 0..3 {
        let mut check =
            ldap.exchange(Credentials { service: Vec::new(), ..Credentials::of_login(b"anna", b"pw") });
        assert!(matches!(check.begin(), Step::Ask(_, Question::Bind { .. })));
        let step = check.handle_answer(Ok(Answer::Bound(result(ResultCode::SUCCESS))));
        assert!(matches!(step, Step::Done(verdict) if verdict.outcome == Outcome::ACCEPT));
    }
}

#[test]
fn nothing_without_a_password_or_a_name_reaches_a_server() {
    for file in [SERVICE, "ldap_auth_method: fastbind\nldap_filter: uid=%u\n", "ldap_auth_method: custom\n"] {
        for (name, password) in [(&b"anna"[..], &b""[..]), (b"", b"pw"), (b"anna", b"\0"), (b"anna", b"p\0w")]
        {
            let login = Login::new(file, name, password, "");
            assert_eq!(login.step, "reject: there is no login, no password, or a NUL in it");
        }
    }
}

#[test]
fn nobody_is_let_in_by_a_bind_without_a_name() {
    let no_dn = "reject: there is no DN to bind as";
    assert_eq!(Login::anna(SERVICE).found(&[""], &[], ResultCode::SUCCESS), no_dn);
    assert_eq!(Login::anna("ldap_auth_method: fastbind\nldap_filter: %d\n").step, no_dn);
}

#[test]
fn exactly_one_entry_must_be_found() {
    let several = "reject: more than one entry was found";
    assert_eq!(Login::anna(SERVICE).found(&["a", "b"], &[], ResultCode::SUCCESS), several);
    assert_eq!(Login::anna(SERVICE).found(&["a"], &[], ResultCode::SIZE_LIMIT_EXCEEDED), several);
    assert_eq!(
        Login::anna(SERVICE).found(&[], &[], ResultCode::SUCCESS),
        "reject as unknown: the user was not found"
    );
}

#[test]
fn a_search_that_fails_is_no_rejection() {
    for code in [1, 2, 3, 11, 18, 32, 34, 50, 53, 80, 4096] {
        let mut login = Login::anna(SERVICE);
        let step = login.found(&[], &[], ResultCode(code));
        assert!(step.starts_with("unavailable: the search for the user fails: "), "{code}: {step}");
    }
    let mut login = Login::anna(SERVICE);
    let step = login.found(&[], &[], ResultCode::SIZE_LIMIT_EXCEEDED);
    assert!(step.starts_with("unavailable: "), "no entry, but there are more than none: {step}");
}

#[test]
fn a_login_that_makes_no_dn_of_the_base_is_rejected() {
    let mut login = Login::anna("ldap_search_base: %u\n");
    assert_eq!(
        login.found(&[], &[], ResultCode::INVALID_DN_SYNTAX),
        "reject as unknown: there can be no such user: invalidDNSyntax (34)"
    );
}

#[test]
fn a_bind_tells_a_wrong_password_from_a_server_that_cannot_tell() {
    for code in REFUSALS {
        let mut login = Login::anna(SERVICE);
        login.found(&["cn=a"], &[], ResultCode::SUCCESS);
        let expected = format!("reject: the server refuses the password: {}", ResultCode(code));
        assert_eq!(login.bound(ResultCode(code)), expected);
    }
    for code in FAILURES {
        let mut login = Login::anna(SERVICE);
        login.found(&["cn=a"], &[], ResultCode::SUCCESS);
        let expected = format!("unavailable: the bind as the user fails: {}", ResultCode(code));
        assert_eq!(login.bound(ResultCode(code)), expected);
    }
}

#[test]
fn a_server_that_could_not_be_asked_is_unavailable_at_every_step() {
    let broken = || Err(Failure::new(FailureKind::Contact, "nobody listens"));
    let group = format!("{SERVICE}ldap_group_dn: cn=g\n");
    for steps in 0..3 {
        let mut login = Login::anna(&group);
        if steps > 0 {
            login.found(&["cn=a"], &[], ResultCode::SUCCESS);
        }
        if steps > 1 {
            login.bound(ResultCode::SUCCESS);
        }
        let step = login.check.handle_answer(broken());
        login.note(step);
        assert_eq!(login.step, "unavailable: nobody listens");
    }
}

#[test]
fn fastbind_asks_nothing_but_the_bind() {
    let file = "ldap_auth_method: fastbind\nldap_filter: uid=%U,ou=%d,dc=x\n";
    let mut login = Login::new(file, b"anna,ou=y@example.org", b"pw", "");
    assert_eq!(login.step, "bind uid=anna\\,ou\\=y,ou=example.org,dc=x pw");
    assert_eq!(login.bound(ResultCode::SUCCESS), "accept");
}

#[test]
fn values_of_the_login_cannot_change_the_filter() {
    let login = Login::new(SERVICE, b"*)(uid=*", b"pw", "");
    assert_eq!(login.step, "search dc=x 2 0 1 5 uid=*)(uid=* 1.1");
}

/// The format may have taken the realm off.
#[test]
fn the_section_of_a_login_is_chosen_by_what_the_client_sent() {
    let file =
        "ldap_auth_method: fastbind\nldap_filter: uid=%u\n[realm example.org]\nldap_filter: uid=%u,o=org\n";
    let ldap = ldap(file);
    for (sent, expected) in [(None, "uid=anna"), (Some("anna@Example.org"), "uid=anna,o=org")] {
        let mut check = ldap.exchange(Credentials {
            login: b"anna".to_vec(),
            sent_login: sent.map(|sent| sent.as_bytes().to_vec()),
            password: Secret::copy_of(b"pw"),
            service: b"imap".to_vec(),
            realm: Vec::new(),
            client: None,
            connection: None,
        });
        let Step::Ask(_, question) = check.begin() else { panic!("nothing is asked") };
        assert!(shown(&question).contains(&format!("{expected} ")), "{}", shown(&question));
    }
}

#[test]
fn the_default_realm_stands_for_a_missing_one() {
    let file = format!("{SERVICE}ldap_filter: mail=%u%R\nldap_default_realm: example.org\n");
    assert_eq!(Login::anna(&file).step, "search dc=x 2 0 1 5 mail=anna@example.org 1.1");
    let named = Login::new(&file, b"anna", b"pw", "example.net");
    assert_eq!(named.step, "search dc=x 2 0 1 5 mail=anna@example.net 1.1");
}

#[test]
fn custom_compares_the_password_with_every_value() {
    let file = format!("{SERVICE}ldap_auth_method: custom\nldap_password_attr: pw\n");
    let sha = "{SHA}GpHWL3ymc5liWkNopqtdSjuqYHM=";
    for (values, verdict) in [
        (vec!["pw"], "accept"),
        (vec!["no", sha], "accept"),
        (vec!["no", "{UNKNOWN}x", sha], "accept"),
        (vec!["no"], "reject: the password is wrong"),
        (vec!["pwx", "", "p"], "reject: the password is wrong"),
        (vec!["{UNKNOWN}pw"], "reject: the stored password has a scheme that is not known"),
        (vec!["{SHA}x"], "reject: the stored password is not what its scheme says"),
        (vec![], "reject: the entry has no password that the service account can read"),
    ] {
        let mut login = Login::anna(&file);
        assert_eq!(login.step, "search dc=x 2 0 1 5 uid=anna pw");
        assert_eq!(login.found(&["cn=a"], &values, ResultCode::SUCCESS), verdict, "{values:?}");
    }
}

#[test]
fn slow_schemes_are_compared_by_a_worker_one_after_the_other() {
    let custom = || {
        let mut login = Login::anna(&format!("{SERVICE}ldap_auth_method: custom\n"));
        let values = ["{CRYPT}one", "wrong", "{ARGON2}two"];
        assert_eq!(login.found(&["cn=a"], &values, ResultCode::SUCCESS), "errand");
        login
    };
    let mut login = custom();
    assert_eq!(login.stored(), "{ARGON2}two");
    assert_eq!(login.work(ErrandResult::PasswordChecked(false)), "errand");
    assert_eq!(login.stored(), "{CRYPT}one");
    assert_eq!(login.work(ErrandResult::PasswordChecked(true)), "accept");
    let mut login = custom();
    login.work(ErrandResult::PasswordChecked(false));
    assert_eq!(login.work(ErrandResult::PasswordChecked(false)), "reject: the password is wrong");
    assert!(custom().work(ErrandResult::Key(Secret::default())).starts_with("unavailable: "));
}

#[test]
fn a_value_that_cannot_be_compared_does_not_hide_one_that_matches() {
    let failed = || ErrandResult::Failed("it died".to_owned());
    for (last, verdict) in
        [(true, "accept"), (false, "unavailable: the password cannot be compared: it died")]
    {
        let mut login = Login::anna(&format!("{SERVICE}ldap_auth_method: custom\n"));
        login.found(&["cn=a"], &["{CRYPT}one", "{ARGON2}two"], ResultCode::SUCCESS);
        assert_eq!(login.work(failed()), "errand");
        assert_eq!(login.work(ErrandResult::PasswordChecked(last)), verdict);
    }
}

#[test]
fn a_group_is_compared_as_the_service_account_for_every_method() {
    let group = "ldap_group_dn: cn=%s,ou=groups\nldap_group_attr: member\n";
    let bind = format!("{SERVICE}{group}");
    let custom = format!("{bind}ldap_auth_method: custom\n");
    let fast = format!("{bind}ldap_auth_method: fastbind\nldap_filter: cn=%u\n");
    for file in [&bind, &custom, &fast] {
        for (code, verdict) in [
            (ResultCode::COMPARE_TRUE, "accept"),
            (ResultCode::COMPARE_FALSE, "reject: the user is not in the group: compareFalse (5)"),
            (ResultCode::NO_SUCH_OBJECT, "unavailable: the group check fails: noSuchObject (32)"),
            (ResultCode::NO_SUCH_ATTRIBUTE, "reject: the user is not in the group: noSuchAttribute (16)"),
            (
                ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
                "unavailable: the group check fails: insufficientAccessRights (50)",
            ),
            (ResultCode::SUCCESS, "unavailable: the group check fails: success (0)"),
        ] {
            let mut login = Login::anna(file);
            if !file.contains("fastbind") {
                login.found(&["cn=anna"], &["pw"], ResultCode::SUCCESS);
            }
            if !file.contains("custom") {
                login.bound(ResultCode::SUCCESS);
            }
            assert_eq!(login.step, "compare cn=imap,ou=groups member cn=anna");
            assert_eq!(login.asked(), "ldap://localhost+Off as cn=service");
            assert_eq!(login.hear(Answer::Compared(result(code))), verdict);
        }
    }
}

#[test]
fn a_wrong_password_is_refused_before_any_group_is_looked_at() {
    let mut login = Login::anna(&format!("{SERVICE}ldap_group_dn: cn=g\n"));
    login.found(&["cn=a"], &[], ResultCode::SUCCESS);
    assert!(login.bound(ResultCode::INVALID_CREDENTIALS).starts_with("reject"));
}

#[test]
fn a_group_found_by_a_filter_is_enough() {
    let file = format!(
        "{SERVICE}ldap_group_match_method: filter\nldap_group_filter: member=%D\nldap_group_search_base: ou=g\n\
         ldap_group_scope: one\n"
    );
    for (names, code, verdict) in [
        (vec!["cn=g"], ResultCode::SUCCESS, "accept"),
        (vec!["cn=g", "cn=h"], ResultCode::SUCCESS, "accept"),
        (vec!["cn=g"], ResultCode::SIZE_LIMIT_EXCEEDED, "accept"),
        (vec![], ResultCode::SUCCESS, "reject: the user is not in the group"),
        (
            vec![],
            ResultCode::NO_SUCH_OBJECT,
            "unavailable: the search for the group fails: noSuchObject (32)",
        ),
        (vec![], ResultCode::OTHER, "unavailable: the search for the group fails: other (80)"),
    ] {
        let mut login = Login::anna(&file);
        login.found(&["cn=anna"], &[], ResultCode::SUCCESS);
        assert_eq!(login.bound(ResultCode::SUCCESS), "search ou=g 1 0 1 5 member=cn=anna 1.1");
        assert_eq!(login.asked(), "ldap://localhost+Off as cn=service");
        assert_eq!(login.found(&names, &[], code), verdict);
    }
}

const SCRAM: &str = "ldap_use_sasl: yes\nldap_mech: SCRAM-SHA-256\nldap_id: reader\nldap_bind_pw: x\n";

#[test]
fn sasl_binds_as_the_login_with_its_realm() {
    for (name, realm, sasl) in [
        ("anna", "", "sasl SCRAM-SHA-256 anna false"),
        ("anna", "example.org", "sasl SCRAM-SHA-256 anna@example.org false"),
        ("anna@example.net", "example.org", "sasl SCRAM-SHA-256 anna@example.net false"),
    ] {
        let mut login = Login::new(SCRAM, name.as_bytes(), b"pw", realm);
        assert_eq!(login.step, sasl);
        assert_eq!(login.asked(), "ldap://localhost+Off as the user");
        assert_eq!(login.bound(ResultCode::SUCCESS), "accept");
        let mut login = Login::new(SCRAM, name.as_bytes(), b"pw", realm);
        assert!(login.bound(ResultCode::INVALID_CREDENTIALS).starts_with("reject"));
    }
}

#[test]
fn a_group_check_after_sasl_needs_the_dn_that_the_server_tells() {
    let file = format!("{SCRAM}ldap_group_dn: cn=g\n");
    let mut login = Login::anna(&file);
    assert_eq!(login.step, "sasl SCRAM-SHA-256 anna true");
    assert_eq!(login.hear(Answer::Known(b"dn:uid=anna".to_vec())), "compare cn=g uniqueMember uid=anna");
    assert_eq!(login.asked(), "ldap://localhost+Off as reader by SCRAM-SHA-256");
    for identity in ["", "dn:", "u:anna", "uid=anna"] {
        let mut login = Login::anna(&file);
        let step = login.hear(Answer::Known(identity.into()));
        assert_eq!(step, "unavailable: the server does not tell the user's DN, which the group check needs");
    }
}

#[test]
fn an_answer_to_another_question_accepts_nobody() {
    let answers = || {
        let success = || result(ResultCode::SUCCESS);
        let found = found(&["cn=a"], &["pw"], ResultCode::SUCCESS);
        [
            Answer::Bound(success()),
            Answer::Compared(result(ResultCode::COMPARE_TRUE)),
            Answer::Known(b"dn:x".to_vec()),
            Answer::Found(found),
        ]
    };
    for (file, right) in [(SERVICE, 3), ("ldap_auth_method: fastbind\nldap_filter: cn=%u\n", 0)] {
        for (index, answer) in answers().into_iter().enumerate().filter(|(index, _)| *index != right) {
            assert!(Login::anna(file).hear(answer).starts_with("unavailable"), "{index}");
        }
    }
    assert!(Login::anna(SERVICE).work(ErrandResult::PasswordChecked(true)).starts_with("unavailable"));
}

const FOLLOW: &str = "ldap_servers: ldap://a/\nldap_referrals: yes\nldap_referral_hosts: b c:390\n";

#[test]
fn referrals_are_not_followed_unless_the_file_says_so() {
    let mut login = Login::anna(SERVICE);
    assert_eq!(
        login.found_nothing_but(&[], &["ldap://b/"]),
        "unavailable: the server refers to another one: ldap_referrals is no"
    );
    let mut login = Login::anna(SERVICE);
    assert_eq!(login.found_nothing_but(&["ldap://b/"], &[]), "reject as unknown: the user was not found");
    let mut login = Login::anna("ldap_auth_method: fastbind\nldap_filter: cn=%u\n");
    assert_eq!(
        login.hear(Answer::Bound(referred(&["ldap://b/"]))),
        "unavailable: the server refers to another one: ldap_referrals is no"
    );
}

#[test]
fn a_search_goes_on_where_it_is_referred_to_and_the_bind_goes_there_too() {
    let file = format!("{FOLLOW}{SERVICE}");
    let mut login = Login::anna(&file);
    assert_eq!(
        login.found_nothing_but(&[], &["ldap://elsewhere/", "ldap://b/ou=y%2c%20z??one?(uid=*)"]),
        "search ou=y, z 1 0 1 5 uid=anna 1.1"
    );
    assert_eq!(login.asked(), "ldap://b+Off as cn=service");
    assert_eq!(login.found(&["cn=a"], &[], ResultCode::SUCCESS), "bind cn=a pw");
    assert_eq!(login.asked(), "ldap://b+Off as the user");
    assert_eq!(login.bound(ResultCode::SUCCESS), "accept");
}

#[test]
fn all_places_of_a_search_are_searched_before_an_entry_is_the_only_one() {
    let file = format!("{FOLLOW}{SERVICE}");
    let start = || {
        let mut login = Login::anna(&file);
        let mut here = found(&["cn=a"], &[], ResultCode::SUCCESS);
        here.references = ["ldap://b/ou=b", "ldap://c:390/ou=c", "ldap://elsewhere/"]
            .map(|uri| vec![uri.as_bytes().to_vec()])
            .to_vec();
        assert_eq!(login.hear(Answer::Found(here)), "search ou=b 2 0 1 5 uid=anna 1.1");
        login
    };
    let mut login = start();
    assert_eq!(login.found(&[], &[], ResultCode::SUCCESS), "search ou=c 2 0 1 5 uid=anna 1.1");
    assert_eq!(login.asked(), "ldap://c:390+Off as cn=service");
    assert_eq!(login.found(&[], &[], ResultCode::NO_SUCH_OBJECT), "bind cn=a pw");
    assert_eq!(login.asked(), "ldap://a+Off as the user");
    let mut login = start();
    assert_eq!(login.found(&["cn=b"], &[], ResultCode::SUCCESS), "reject: more than one entry was found");
}

#[test]
fn below_one_level_only_the_place_itself_is_searched() {
    let mut login = Login::anna(&format!("{FOLLOW}{SERVICE}ldap_scope: one\n"));
    assert_eq!(login.found_nothing_but(&["ldap://b/ou=b"], &[]), "search ou=b 0 0 1 5 uid=anna 1.1");
}

#[test]
fn a_bind_and_a_comparison_go_on_where_they_are_referred_to() {
    let file =
        format!("{FOLLOW}{SERVICE}ldap_auth_method: fastbind\nldap_filter: cn=%u\nldap_group_dn: cn=g\n");
    let mut login = Login::anna(&file);
    assert_eq!(login.hear(Answer::Bound(referred(&["ldap://b/"]))), "bind cn=anna pw");
    assert_eq!(login.asked(), "ldap://b+Off as the user");
    assert_eq!(login.hear(Answer::Bound(referred(&["ldap://c:390/cn=other"]))), "bind cn=other pw");
    assert_eq!(login.bound(ResultCode::SUCCESS), "compare cn=g uniqueMember cn=other");
    let step = login.hear(Answer::Compared(referred(&["ldap://b/cn=h"])));
    assert_eq!(step, "compare cn=h uniqueMember cn=other");
    assert_eq!(login.asked(), "ldap://b+Off as cn=service");
    assert_eq!(login.hear(Answer::Compared(result(ResultCode::COMPARE_TRUE))), "accept");
}

#[test]
fn referrals_that_never_end_are_given_up() {
    let mut login = Login::anna(&format!("{FOLLOW}{SERVICE}"));
    for _ in 0..DEEPEST {
        assert!(login.found_nothing_but(&[], &["ldap://a/ou=round"]).starts_with("search"));
    }
    assert!(
        login
            .found_nothing_but(&[], &["ldap://a/ou=round"])
            .starts_with("unavailable: there are more than 5")
    );
    let mut login = Login::anna(&format!("{FOLLOW}ldap_auth_method: fastbind\nldap_filter: cn=%u\n"));
    for _ in 0..DEEPEST {
        assert_eq!(login.hear(Answer::Bound(referred(&["ldap:///"]))), "bind cn=anna pw");
        assert_eq!(login.asked(), "ldap://a+Off as the user");
    }
    let step = login.hear(Answer::Bound(referred(&["ldap:///"])));
    assert!(step.starts_with("unavailable: there are more than 5"), "{step}");
}

/// A directory that is spread over many servers refers to all of them at once.
#[test]
fn a_search_may_lead_to_many_places_that_are_not_one_behind_the_other() {
    let mut login = Login::anna(&format!("{FOLLOW}{SERVICE}"));
    let places: Vec<_> = (0..20).map(|number| format!("ldap://b/ou={number}")).collect();
    let mut step =
        login.found_nothing_but(&places.iter().map(String::as_str).collect::<Vec<_>>(), &[]).to_owned();
    for number in 0..20 {
        assert_eq!(step, format!("search ou={number} 2 0 1 5 uid=anna 1.1"));
        step = login.found(&[], &[], ResultCode::SUCCESS).to_owned();
    }
    assert_eq!(step, "reject as unknown: the user was not found");
}

#[test]
fn however_a_server_spells_its_referrals_they_lead_to_the_same_connections() {
    let ldap = ldap(&format!("{FOLLOW}{SERVICE}"));
    let known = ldap.pools().len();
    for number in 0..100u32 {
        let host: String = "listed"
            .chars()
            .enumerate()
            .map(|(at, letter)| if number >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let file = format!("{FOLLOW}{SERVICE}").replace("hosts: b", "hosts: listed");
        let settings = super::super::settings::tests::of_file(&file);
        let target = referral::target(format!("ldap://{host}/").as_bytes(), &settings).unwrap();
        ldap.pools.referred(&settings, target.server.unwrap());
    }
    assert_eq!(ldap.pools().len(), known + 2, "one for searches, one for binds");
}

/// The first server may be a replica that does not have the entry yet.
#[test]
fn a_user_is_bound_on_the_server_that_found_the_entry() {
    let mut login = Login::anna(&format!("ldap_servers: ldap://a/ ldap://b/ ldap://c/\n{SERVICE}"));
    let second = Found { server: 1, ..found(&["cn=a"], &[], ResultCode::SUCCESS) };
    assert_eq!(login.hear(Answer::Found(second)), "bind cn=a pw");
    assert_eq!(login.asked(), "ldap://b+Off ldap://c+Off ldap://a+Off as the user");
    assert_eq!(login.ldap.pool(login.pool).order, ServerOrder::Listed, "in turn it would go elsewhere");
}

#[test]
fn a_base_that_no_server_has_is_nobodys_fault_unless_the_login_named_all_of_it() {
    let not_here = || Err(Failure::new(FailureKind::NotHere, "the server says noSuchObject (32)"));
    let mut login = Login::new("ldap_search_base: dc=%2,dc=%1\n", b"anna@example.org", b"pw", "");
    let step = login.check.handle_answer(not_here());
    login.note(step);
    assert_eq!(login.step, "reject as unknown: there can be no such user: the server says noSuchObject (32)");
}

/// What is above the base is there, or the login makes no DN of it.
#[test]
fn a_base_that_cannot_be_makes_the_login_unknown_and_the_base_of_groups_only_keeps_it_out() {
    let absent = || LdapResult { matched: b"dc=x".to_vec(), ..result(ResultCode::NO_SUCH_OBJECT) };
    let nothing =
        |result: LdapResult| Answer::Found(Found { result, ..found(&[], &[], ResultCode::SUCCESS) });
    let group = "ldap_group_match_method: filter\nldap_group_filter: member=%D\n\
                 ldap_group_search_base: ou=%d,dc=x\n";
    for result in [absent(), result(ResultCode::INVALID_DN_SYNTAX)] {
        let mut login = Login::anna("ldap_search_base: ou=%d,dc=x\n");
        let step = login.hear(nothing(result.clone())).to_owned();
        assert!(step.starts_with("reject as unknown: there can be no such user: "), "{step}");
        let mut login = Login::anna(&format!("{SERVICE}{group}"));
        login.found(&["cn=a"], &[], ResultCode::SUCCESS);
        login.bound(ResultCode::SUCCESS);
        let step = login.hear(nothing(result));
        assert!(step.starts_with("reject: there can be no such group: "), "{step}");
    }
}

/// That of other servers may mean a wrong password, and noSuchObject an empty replica.
#[test]
fn a_bind_tells_an_unknown_login_only_where_the_text_says_so() {
    let unknown = b"SASL(-13): user not found: no secret in database".to_vec();
    let unknown = LdapResult { diagnostic: unknown, ..result(ResultCode::OTHER) };
    let mut login = Login::anna("ldap_use_sasl: yes\nldap_mech: SCRAM-SHA-256\nldap_auth_method: fastbind\n");
    assert!(login.hear(Answer::Bound(unknown)).starts_with("reject as unknown: the server refuses"));
    for code in REFUSALS.into_iter().chain([32]) {
        let mut login = Login::anna("ldap_auth_method: fastbind\nldap_filter: cn=%u\n");
        assert!(login.bound(ResultCode(code)).starts_with("reject: the server refuses"), "{code}");
    }
}

#[test]
fn an_account_that_no_server_has_is_refused() {
    let not_here = Err(Failure::new(FailureKind::NotHere, "the server says noSuchObject (32)"));
    let mut login = Login::new("ldap_auth_method: fastbind\nldap_filter: uid=%u,dc=x\n", b"anna", b"pw", "");
    let step = login.check.handle_answer(not_here);
    login.note(step);
    assert_eq!(login.step, "reject: there is no such account: the server says noSuchObject (32)");
}

#[test]
fn realms_with_the_same_servers_and_account_share_their_connections() {
    let ldap = ldap(&format!(
        "{SERVICE}[realm a]\nldap_filter: x=%u\n[realm b]\nldap_servers: ldap://b/\n[realm c]\nldap_bind_pw: other\n"
    ));
    // The general ones; others with b; others with the other account, whose failures are its own.
    assert_eq!(ldap.pools().len(), 6);
}

#[test]
fn no_password_outlives_its_login() {
    let ldap = ldap(&format!("{SERVICE}ldap_auth_method: custom\n"));
    let before = crate::secret::alive();
    let mut check =
        ldap.exchange(Credentials { service: Vec::new(), ..Credentials::of_login(b"anna", b"pw") });
    drop(check.begin());
    let slow = found(&["cn=a"], &["{CRYPT}x", "{CRYPT}y"], ResultCode::SUCCESS);
    assert!(matches!(check.handle_answer(Ok(Answer::Found(slow))), Step::Errand(_)));
    drop(check);
    assert_eq!(crate::secret::alive(), before);
}
