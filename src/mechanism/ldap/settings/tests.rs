#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::sasl::{self, Mechanism};
use super::*;
use crate::net::exchange::{Address, TlsMode, TlsVersion};
use crate::secret::Secret;
use crate::settings::file::Text;

fn text(path: &str, text: &str) -> Text {
    Text { path: path.into(), bytes: Secret::copy_of(text.as_bytes()) }
}

fn read_both(file: &str, ldap_conf: Option<&str>) -> (Option<Realms<Settings>>, Vec<String>) {
    let sources = RawSettings {
        instance: None,
        option: None,
        file: Some(text("/etc/saslauthd.conf", file)),
        ldap_conf: ldap_conf.map(|conf| text("/etc/ldap/ldap.conf", conf)),
    };
    let mut problems = Vec::new();
    let realms = Realms::read(&sources, &mut problems);
    (realms, problems.iter().map(ToString::to_string).collect())
}

/// The general settings of a file with which nothing is wrong.
fn settings(file: &str) -> Settings {
    let (realms, problems) = read_both(file, None);
    assert_eq!(problems, [""; 0], "{file}");
    realms.unwrap().general
}

/// For tests of others.
pub(in super::super) fn of_file(file: &str) -> Settings {
    settings(file)
}

/// What is wrong with a file that cannot be used.
fn errors(file: &str) -> Vec<String> {
    let (realms, problems) = read_both(file, None);
    assert!(realms.is_none(), "{file}: {problems:?}");
    problems.iter().map(|problem| problem.replace("/etc/saslauthd.conf:", "")).collect()
}

fn warnings(file: &str) -> Vec<String> {
    let (realms, problems) = read_both(file, None);
    assert!(realms.is_some(), "{file}: {problems:?}");
    problems.iter().map(|problem| problem.replace("/etc/saslauthd.conf:", "")).collect()
}

fn lookup(settings: &Settings) -> &Lookup {
    match &settings.method {
        Method::Bind(lookup) | Method::Custom(lookup, _) => lookup,
        Method::FastBind(_) | Method::SaslBind(_) => panic!("nothing is looked up"),
    }
}

fn names(settings: &Settings) -> Vec<(&str, TlsMode)> {
    settings.servers.iter().map(|server| (server.name.as_str(), server.tls)).collect()
}

#[test]
fn the_defaults_are_those_of_the_c_daemon() {
    let settings = settings("");
    let localhost = Address::Host { host: "localhost".to_owned(), service: "389".to_owned() };
    assert_eq!(settings.servers.len(), 1);
    assert_eq!((&settings.servers[0].address, settings.servers[0].tls), (&localhost, TlsMode::Off));
    assert!(*settings.account == Account::Anonymous);
    assert!(matches!(&settings.method, Method::Bind(_)) && settings.group.is_none());
    let lookup = lookup(&settings);
    assert_eq!(lookup.filter, Filter::parse("(uid=%u)").unwrap());
    assert_eq!((lookup.base.is_empty(), lookup.scope), (true, Scope::Sub));
    assert_eq!(settings.limits, Limits { deref: Dereference::Never, size: 1, time: 5 });
    assert_eq!(settings.referrals, Referrals::default());
    assert_eq!((settings.timeout, settings.default_realm.as_slice()), (None, &b""[..]));
    assert_eq!(*settings.tls, TlsSettings::default());
}

#[test]
fn every_key_of_a_search_has_its_effect() {
    let settings = settings(
        "ldap_servers: ldap://a/ ldaps://b:1636/\nldap_bind_dn: cn=x\nldap_password: y  \n\
         ldap_search_base: ou=%s,dc=x\nldap_filter: (mail=%u)\nldap_scope: one\nldap_deref: Always\n\
         ldap_size_limit: 0\nldap_time_limit: 7\nldap_timeout: 9\nldap_default_domain: example.org\n\
         ldap_referrals: yes\nldap_referral_hosts: A.example  b:390\nldap_restart: no\nldap_debug: 255\n\
         ldap_version: 3\n",
    );
    assert_eq!(names(&settings), [("ldap://a", TlsMode::Off), ("ldaps://b:1636", TlsMode::Implicit)]);
    let password = Rc::new(Secret::copy_of(b"y  "));
    assert!(*settings.account == Account::Simple { dn: "cn=x".to_owned(), password });
    let lookup = lookup(&settings);
    assert_eq!(lookup.base, Template::parse("ou=%s,dc=x").unwrap());
    assert_eq!(lookup.filter, Filter::parse("(mail=%u)").unwrap());
    assert_eq!(lookup.scope, Scope::One);
    assert_eq!(settings.limits, Limits { deref: Dereference::Always, size: 0, time: 7 });
    assert_eq!(settings.timeout, Some(Duration::from_secs(9)));
    assert_eq!(settings.default_realm, b"example.org");
    let hosts = vec!["a.example".to_owned(), "b:390".to_owned()];
    assert_eq!(settings.referrals, Referrals { follow: true, hosts, with_tls: true });
}

#[test]
fn the_method_says_what_the_filter_is() {
    let fast = settings("ldap_auth_method: fastbind\nldap_filter: uid=%u,dc=x\n");
    assert!(matches!(fast.method, Method::FastBind(dn) if dn == Template::parse("uid=%u,dc=x").unwrap()));
    let custom = settings("ldap_auth_method: CUSTOM\n");
    assert!(matches!(custom.method, Method::Custom(_, attribute) if attribute == "userPassword"));
    let custom = settings("ldap_auth_method: custom\nldap_password_attr: pw\n");
    assert!(matches!(custom.method, Method::Custom(_, attribute) if attribute == "pw"));
    assert_eq!(
        errors("ldap_auth_method: fastbind\n"),
        [" ldap_auth_method fastbind needs the DN of users in ldap_filter"]
    );
}

#[test]
fn with_sasl_users_bind_by_sasl_unless_that_proves_nothing() {
    let sasl = "ldap_use_sasl: yes\nldap_id: x\nldap_bind_pw: y\nldap_mech:";
    for method in ["", "ldap_auth_method: bind\n", "ldap_auth_method: fastbind\n"] {
        let settings = settings(&format!("{method}{sasl} scram-sha-256\n"));
        assert!(matches!(settings.method, Method::SaslBind(choice) if choice.name() == "SCRAM-SHA-256"));
    }
    assert!(matches!(
        settings(&format!("ldap_auth_method: custom\n{sasl} PLAIN\n")).method,
        Method::Custom(..)
    ));
    let external = settings("ldap_use_sasl: yes\nldap_mech: EXTERNAL\n");
    assert!(matches!(external.method, Method::Bind(_)));
    assert!(
        matches!(&*external.account, Account::Sasl(choice, _) if choice.only() == Some(Mechanism::External))
    );
    let errors = errors("ldap_use_sasl: yes\nldap_mech: EXTERNAL\nldap_auth_method: fastbind\n");
    assert!(errors[0].starts_with("3:19: ldap_auth_method is fastbind"), "{errors:?}");
}

#[test]
fn a_mechanism_that_is_not_spoken_is_an_error_that_names_those_that_are() {
    let what_works = sasl::WHAT_WORKS;
    for name in ["GSS-SPNEGO", "NTLM", "LOGIN"] {
        let file = format!("ldap_use_sasl: yes\nldap_sasl_mech: {name}\n");
        assert_eq!(errors(&file), [format!("2:17: ldap_sasl_mech {what_works}")]);
    }
    let list = "ldap_use_sasl: yes\nldap_mech: NTLM SCRAM-SHA-256 PLAIN\n";
    let passed_over = format!("2:12: ldap_mech has names that are ignored: it {what_works}");
    let plain = "2:12: ldap_mech has PLAIN, which is not chosen where a server has no TLS".to_owned();
    assert_eq!(warnings(list), [passed_over, plain]);
    assert_eq!(warnings("ldap_mech: NTLM\n"), [""; 0], "without ldap_use_sasl it means nothing, as in C");
}

#[test]
fn among_several_mechanisms_the_server_has_a_say() {
    let choice = |file: &str| match settings(&format!("ldap_use_sasl: yes\n{file}")).method {
        Method::SaslBind(choice) => choice,
        _ => panic!("users bind by SASL"),
    };
    assert_eq!(choice(""), Choice::all());
    assert_eq!(choice("ldap_mech: digest-md5 SCRAM-SHA-256 DIGEST-MD5\n").only(), None);
    for one in ["SCRAM-SHA-1", "SCRAM-SHA-1 scram-sha-1"] {
        assert_eq!(choice(&format!("ldap_mech: {one}\n")).name(), "SCRAM-SHA-1", "{one}");
    }
    let noplain = choice("ldap_sasl_secprops: noplain\n");
    assert!(!noplain.has(Mechanism::Plain) && noplain.has(Mechanism::DigestMd5));
    // These prove no password, so that they are never one of several.
    for (names, is_bind, told) in [
        ("EXTERNAL DIGEST-MD5", true, "EXTERNAL"),
        ("DIGEST-MD5 EXTERNAL", false, "EXTERNAL"),
        ("GSSAPI SCRAM-SHA-256", true, "GSSAPI"),
        ("SCRAM-SHA-256 GSSAPI", false, "GSSAPI"),
    ] {
        let (realms, problems) = read_both(&format!("ldap_use_sasl: yes\nldap_mech: {names}\n"), None);
        assert!(problems[0].contains(&format!("{told}, which uses no password")), "{problems:?}");
        assert_eq!(matches!(realms.unwrap().general.method, Method::Bind(_)), is_bind, "{names}");
    }
    let needed = errors("ldap_use_sasl: yes\nldap_auth_method: custom\n");
    assert_eq!(needed, [" ldap_use_sasl needs ldap_id and ldap_bind_pw"]);
}

/// What a file says of GSSAPI, without the three lines that are always there.
fn gssapi(more: &str) -> String {
    format!("ldap_use_sasl: yes\nldap_mech: GSSAPI\nldap_auth_method: bind\n{more}")
}

#[test]
fn by_gssapi_the_account_searches_and_users_bind_with_their_passwords() {
    let settings = settings(&gssapi("ldap_krb5_keytab: /k\nldap_krb5_principal: mail@EXAMPLE.ORG\n"));
    assert!(matches!(settings.method, Method::Bind(_)) && settings.account.uses_gssapi());
    assert_eq!(settings.account.name(), "mail@EXAMPLE.ORG by GSSAPI");
    let errors = errors(&gssapi("").replace("bind", "fastbind"));
    assert!(errors[0].contains("GSSAPI as ldap_mech uses no password"), "{errors:?}");
}

#[test]
fn a_login_by_gssapi_is_made_with_the_keytab_before_the_tickets_and_those_before_the_environment() {
    let credentials = |file: &str| {
        let (realms, problems) = read_both(file, None);
        (realms.unwrap().credentials(), problems.len())
    };
    let configured = |path: &str| Some(CredentialPath::Configured(path.into()));
    assert_eq!(credentials(&gssapi("ldap_krb5_keytab: FILE:/k\n")), (configured("/k"), 0));
    assert_eq!(credentials(&gssapi("ldap_krb5_ccache: /c\n")), (configured("/c"), 0));
    assert_eq!(credentials(&gssapi("ldap_krb5_ccache: /c\nldap_krb5_keytab: /k\n")), (configured("/k"), 1));
    assert_eq!(credentials(&gssapi("")), (Some(CredentialPath::OfEnvironment), 0));
    let of_realm = "[realm x]\nldap_use_sasl: yes\nldap_mech: GSSAPI\n";
    assert_eq!(credentials(of_realm), (Some(CredentialPath::OfEnvironment), 0));
    let unused = "ldap_krb5_keytab: /k\nldap_use_sasl: yes\nldap_mech: EXTERNAL\n";
    assert_eq!(credentials(unused), (None, 1), "it has no effect, which is a warning");
}

#[test]
fn what_cannot_be_handed_over_and_what_cannot_differ_is_an_error() {
    for name in ["KCM:", "KEYRING:persistent:0", "MEMORY:x", "relative"] {
        let errors = errors(&gssapi(&format!("ldap_krb5_ccache: {name}\n")));
        assert!(errors[0].starts_with("4:19: ldap_krb5_ccache takes the absolute path"), "{errors:?}");
    }
    let errors = errors(&gssapi("[realm x]\nldap_krb5_keytab: /k\n"));
    assert!(errors[0].contains("ldap_krb5_keytab is not for a realm or a service"), "{errors:?}");
}

#[test]
fn an_account_that_is_needed_must_have_a_name_and_a_password() {
    let scram = "ldap_use_sasl: yes\nldap_mech: SCRAM-SHA-1\n";
    assert!(matches!(&*settings(scram).account, Account::Sasl(..)), "only users bind");
    let missing = [" ldap_mech SCRAM-SHA-1 needs ldap_id and ldap_bind_pw"];
    assert_eq!(errors(&format!("{scram}ldap_group_dn: cn=x\n")), missing);
    assert_eq!(errors(&format!("{scram}ldap_auth_method: custom\nldap_id: x\n")), missing);
    let anonymous = |file: &str| {
        let (realms, problems) = read_both(file, None);
        assert!(*realms.unwrap().general.account == Account::Anonymous);
        problems
    };
    assert!(anonymous("ldap_bind_dn: cn=x\n")[0].contains("has no effect without ldap_bind_pw"));
    assert!(anonymous("ldap_password: x\n")[0].contains("has no effect without ldap_bind_dn"));
}

#[test]
fn properties_of_sasl_that_cannot_be_met_are_errors() {
    let sasl = "ldap_use_sasl: yes\nldap_mech: PLAIN\nldap_sasl_secprops:";
    for (properties, servers, wrong) in [
        ("minssf=56", "ldap://a/", true),
        ("minssf=56", "ldaps://a/", false),
        ("minssf=56", "ldapi:///", false),
        ("minssf=0,maxssf=0", "ldap://a/", false),
        ("noanonymous,noplain", "ldaps://a/", true),
        ("forwardsec", "ldaps://a/", true),
        ("none", "ldap://a/", false),
        ("nosuch", "ldaps://a/", true),
    ] {
        let (realms, problems) = read_both(&format!("{sasl} {properties}\nldap_servers: {servers}\n"), None);
        assert_eq!(realms.is_none(), wrong, "{properties}, {servers}: {problems:?}");
    }
}

#[test]
fn gssapi_protects_a_connection_as_strongly_as_its_properties_say() {
    let sasl = "ldap_use_sasl: yes\nldap_mech: GSSAPI\nldap_servers: ldap://a/\nldap_sasl_secprops:";
    let strength = |properties: &str| {
        let (realms, _) = read_both(&format!("{sasl} {properties}\n"), None);
        let account = realms?.general.account;
        let Account::Sasl(_, identity) = &*account else { panic!("another account") };
        Some((identity.options.strength, account.protects()))
    };
    for (properties, expected) in [
        ("none", Some(((0, u32::MAX), true))),
        ("minssf=56", Some(((56, u32::MAX), true))),
        ("noanonymous, MINSSF=1,maxssf=1", Some(((1, 1), true))),
        ("maxssf=0", Some(((0, 0), false))),
        ("minssf=many", None),
        ("maxssf=", None),
        ("minssf=2,maxssf=1", None),
    ] {
        assert_eq!(strength(properties), expected, "{properties}");
    }
}

#[test]
fn a_group_check_has_all_it_needs_or_is_an_error() {
    let compare = settings("ldap_group_dn: cn=%s\nldap_group_attr: member\n");
    let dn = Template::parse("cn=%s").unwrap();
    assert!(compare.group == Some(GroupCheck::Compare { dn: dn.clone(), attribute: "member".to_owned() }));
    let default = settings("ldap_group_dn: cn=%s\nldap_group_filter: (x=%D)\n");
    assert!(default.group == Some(GroupCheck::Compare { dn, attribute: "uniqueMember".to_owned() }));
    let filter = "ldap_group_match_method: filter\nldap_group_filter: (x=%D)\n";
    for (more, base, scope) in [
        ("", "", Scope::Sub),
        ("ldap_search_base: dc=x\n", "dc=x", Scope::Sub),
        (
            "ldap_search_base: dc=x\nldap_group_search_base: ou=y,%D\nldap_group_scope: base\n",
            "ou=y,%D",
            Scope::Base,
        ),
    ] {
        let search = settings(&format!("{filter}{more}"));
        let (base, filter) = (Template::parse(base).unwrap(), Filter::parse("(x=%D)").unwrap());
        assert!(search.group == Some(GroupCheck::Search(Lookup { base, scope, filter })), "{more}");
    }
    assert!(settings("ldap_group_attr: member\nldap_group_match_method: filter\n").group.is_none());
    assert!(errors("ldap_group_filter: (x=%D)\n")[0].contains("needs ldap_group_match_method: filter"));
    assert!(
        errors("ldap_group_match_method: filter\nldap_group_dn: cn=x\n")[0]
            .contains("needs ldap_group_filter")
    );
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    for (file, wrong) in [
        ("ldap_filter: (&(uid=%u)(x=y)\n", "1:29: ldap_filter is not a filter"),
        ("\n  ldap_filter:   (uid=%)\n", "2:23: ldap_filter is not a filter"),
        ("ldap_search_base: ou=%s,dc=%\n", "1:28: ldap_search_base is wrong here"),
        (
            "ldap_group_filter: )\nldap_group_match_method: filter\n",
            "1:20: ldap_group_filter is not a filter",
        ),
        ("ldap_group_dn: cn=%\n", "1:19: ldap_group_dn is wrong here"),
        ("ldap_servers: ldap://a/ ldpa://b/\n", "1:25: ldap_servers is wrong here"),
        ("ldap_servers: http://a/\n", "1:15: ldap_servers is wrong here"),
        ("ldap_version: 4\n", "1:15: ldap_version takes 3"),
        ("ldap_size_limit: -1\n", "1:18: ldap_size_limit takes a number"),
        ("ldap_timeout: 0\n", "1:15: ldap_timeout takes a number"),
        ("ldap_start_tls: yes\nldap_servers: ldaps://a/\n", "1:17: ldap_start_tls cannot go with ldaps://"),
    ] {
        let errors = errors(file);
        assert!(errors.len() == 1 && errors[0].starts_with(wrong), "{file}: {errors:?}");
    }
}

/// What C takes in its own way, without a word; the verdicts are the same then.
#[test]
fn a_file_with_which_c_serves_is_no_error_and_told_about() {
    for (line, told) in [
        ("ldap_auth_method: ssha", "1:19: ldap_auth_method takes one of bind, custom, fastbind; the default"),
        ("ldap_auth_method: fastbind ", "1:19: ldap_auth_method has a blank after its word"),
        ("ldap_version: 2", "1:15: ldap_version is 2, which is no longer supported"),
        ("ldap_version: 3.0", "1:15: ldap_version takes a number; this is read as 3"),
        ("ldap_timeout: 10s", "1:15: ldap_timeout takes a number; this is read as 10"),
        ("ldap_timeout: -1", "1:15: ldap_timeout is -1, which would mean no limit"),
        ("ldap_timeout: 99999999999", "1:15: ldap_timeout takes a number; this is read as 86400"),
        ("ldap_time_limit: soon", "1:18: ldap_time_limit takes a number; this is read as 0"),
        ("ldap_size_limit: unlimited", "1:18: ldap_size_limit takes a number; this is read as 0"),
        ("ldap_use_sasl: YES", "1:16: ldap_use_sasl means no, as in the C daemon"),
        ("ldap_referrals: enabled", "1:17: ldap_referrals means no, as in the C daemon"),
        ("ldap_restart: perhaps", "1:15: ldap_restart means no, as in the C daemon"),
        (
            "ldap_start_tls: YES",
            "1:17: ldap_start_tls takes yes or no; this means yes, but no for the C daemon",
        ),
        ("ldap_tls_check_peer: demand", "1:22: ldap_tls_check_peer takes yes or no; this means yes, but no"),
        ("ldap_tls_check_peer: allow", "1:22: ldap_tls_check_peer takes yes or no; this means no"),
        ("ldap_group_match_method: member", "1:26: ldap_group_match_method takes one of attr, filter; the"),
        ("ldap_filter: (|(uid=%n)(uid=%u))", "1:21: ldap_filter has a % that inserts nothing, as in the C"),
        ("ldap_search_base: ou=%x,dc=y", "1:22: ldap_search_base has a % that inserts nothing"),
        ("ldap_tls_key: /k.pem", "1:15: ldap_tls_key is of no use without ldap_tls_cert"),
        ("ldap_tls_ciphers: NORMAL:+FOO", "1:26: ldap_tls_ciphers has \"+FOO\""),
        ("ldap_tls_ciphers: NONE", "1:19: ldap_tls_ciphers leaves no version of TLS"),
    ] {
        let told_of = warnings(&format!("{line}\n"));
        assert!(told_of.len() == 1 && told_of[0].starts_with(told), "{line}: {told_of:?}");
    }
    for line in ["ldap_filter: ( uid=%u )", "ldap_tls_check_peer: never", "ldap_tls_ciphers: NORMAL:!ANON-DH"]
    {
        assert_eq!(warnings(&format!("{line}\n")), [""; 0], "{line}");
    }
    // Not used, and so not looked at.
    let file = "ldap_group_dn: cn=g\nldap_group_filter: )\n";
    assert_eq!(warnings(file), [""; 0]);
}

#[test]
fn a_word_that_protects_something_is_taken_as_it_was_meant() {
    let general = |file: &str| read_both(file, None).0.unwrap().general;
    for (word, checks) in
        [("demand", true), ("hard", true), ("try", true), ("YES", true), ("maybe", true), ("allow", false)]
    {
        assert_eq!(general(&format!("ldap_tls_check_peer: {word}\n")).tls.check_peer, checks, "{word}");
    }
    for (word, mode) in
        [("YES", TlsMode::StartTls), ("enabled", TlsMode::StartTls), ("disabled", TlsMode::Off)]
    {
        let settings = general(&format!("ldap_start_tls: {word}\nldap_servers: ldap://a/\n"));
        assert_eq!(settings.servers[0].tls, mode, "{word}");
    }
}

#[test]
fn servers_may_be_wrapped_as_uris_in_a_text_are() {
    let settings = settings("ldap_servers: <ldap://a/> URL:ldap://b/ <url:ldaps://c/>\n");
    let expected = [("ldap://a", TlsMode::Off), ("ldap://b", TlsMode::Off), ("ldaps://c", TlsMode::Implicit)];
    assert_eq!(names(&settings), expected);
}

/// C does not know these words either, and goes on.
#[test]
fn a_scope_that_nobody_knows_is_a_warning_and_the_default_holds() {
    for (file, told) in [
        ("ldap_scope: subtree\n", "ldap_scope takes one of sub, one, base; the default is used"),
        (
            "ldap_deref: sometimes\n",
            "ldap_deref takes one of never, search, find, always; the default is used",
        ),
    ] {
        let (realms, problems) = read_both(file, None);
        assert_eq!(lookup(&realms.unwrap().general).scope, Scope::Sub);
        assert!(problems.len() == 1 && problems[0].contains(told), "{problems:?}");
    }
}

#[test]
fn everything_wrong_is_told_at_once_and_only_once() {
    let file = "ldap_version: 4\nldap_size_limit: -1\nldap_use_sasl: yes\nldap_mech: x\n[realm a]\nldap_timeout: x\n[realm b]\n";
    let errors = errors(file);
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn start_tls_is_for_what_goes_over_a_network() {
    let settings = settings("ldap_start_tls: on\nldap_servers: ldap://a/ ldapi:///\n");
    assert_eq!(
        names(&settings).iter().map(|(_, tls)| *tls).collect::<Vec<_>>(),
        [TlsMode::StartTls, TlsMode::Off]
    );
}

#[test]
fn tls_is_as_the_keys_say_and_ldap_conf_says_the_rest() {
    let conf = "TLS_CACERT /ca.pem\nTLS_REQCERT never\nTLS_PROTOCOL_MIN 3.3\nTLS_CIPHER_SUITE HIGH\n";
    let tls = |file: &str| {
        let (realms, problems) = read_both(file, Some(conf));
        assert_eq!(problems, [""; 0]);
        TlsSettings::clone(&realms.unwrap().general.tls)
    };
    let from_conf = TlsSettings {
        check_peer: false,
        authorities_file: Some("/ca.pem".into()),
        ciphers: Some("HIGH".to_owned()),
        oldest_version: Some(TlsVersion::Tls12),
        ..TlsSettings::default()
    };
    assert_eq!(tls(""), from_conf);
    let from_keys = tls(
        "ldap_tls_check_peer: yes\nldap_tls_cacert_file: /own.pem\nldap_tls_ciphers: SECURE256:-VERS-TLS1.2\n\
         ldap_tls_cert: /c.pem\nldap_tls_key: /k.pem\n",
    );
    assert!(from_keys.check_peer && from_keys.ciphers.is_some());
    assert!(!from_keys.cipher_suites.unwrap().contains("AES_128"));
    assert_eq!(from_keys.authorities_file, Some("/own.pem".into()));
    assert_eq!(from_keys.oldest_version, Some(TlsVersion::Tls13));
    assert_eq!((from_keys.certificate, from_keys.key), (Some("/c.pem".into()), Some("/k.pem".into())));
    let version = tls("ldap_tls_ciphers: NORMAL:-VERS-TLS1.2\nldap_tls_min_version: 1.2\n").oldest_version;
    assert_eq!(version, Some(TlsVersion::Tls12), "the key for it has the last word");
}

#[test]
fn neither_servers_nor_a_search_base_come_from_ldap_conf_as_in_c() {
    let (realms, problems) = read_both("", Some("URI ldap://directory/\nBASE dc=x\n"));
    let general = realms.unwrap().general;
    assert_eq!(names(&general), [("ldap://localhost", TlsMode::Off)]);
    assert_eq!(lookup(&general).base, Template::default());
    assert_eq!(problems, [""; 0]);
}

#[test]
fn of_each_key_the_most_special_section_counts_then_the_mechanisms_and_then_the_general_part() {
    let file = "ldap_search_base: general\nldap_scope: one\nldap_password_attr: general\nldap_auth_method: custom\n\
                default_realm: home\n\
                [mechanism corp]\ntype: ldap\nldap_search_base: corp\nldap_scope: base\n\
                [realm *.org]\nldap_search_base: below\n[realm a.org]\nldap_scope: sub\n\
                [service imap]\nldap_password_attr: imap\n[realm home]\nldap_search_base: home\n";
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    let seen = |instance: Option<&str>, login: &str, service: &str| {
        let sources = instance.map_or_else(|| sources.copy(), |name| sources.of_instance(name));
        let mut problems = Vec::new();
        let realms = Realms::read(&sources, &mut problems).unwrap_or_else(|| panic!("{problems:?}"));
        let settings = realms.of(login.as_bytes(), b"", service.as_bytes());
        let Method::Custom(lookup, attribute) = &settings.method else { panic!() };
        let base = String::from_utf8(lookup.base.expand(&Default::default())).unwrap();
        (base, lookup.scope, attribute.clone())
    };
    for (instance, login, service, base, scope, attribute) in [
        (None, "anna@x", "smtp", "general", Scope::One, "general"),
        (Some("CORP"), "anna@x", "smtp", "corp", Scope::Base, "general"),
        (Some("other"), "anna@x", "smtp", "general", Scope::One, "general"),
        (Some("corp"), "anna@b.org", "smtp", "below", Scope::Base, "general"),
        (Some("corp"), "anna@a.org", "smtp", "below", Scope::Sub, "general"),
        (Some("corp"), "anna@a.org", "imap", "below", Scope::Sub, "imap"),
        (Some("corp"), "anna", "imap", "home", Scope::Base, "imap"),
        (None, "anna@x", "imap", "general", Scope::One, "imap"),
    ] {
        let expected = (base.to_owned(), scope, attribute.to_owned());
        assert_eq!(seen(instance, login, service), expected, "{instance:?} {login} {service}");
    }
}

#[test]
fn a_realm_has_its_own_keys_and_otherwise_the_general_ones() {
    let (realms, problems) = read_both(
        "ldap_servers: ldap://a/\nldap_search_base: dc=a\n[realm Example.ORG]\nldap_search_base: dc=b\n\
         [realm example.net]\nldap_servers: ldap://c/\n",
        None,
    );
    assert_eq!(problems, [""; 0]);
    let realms = realms.unwrap();
    let seen = |login: &str, realm: &str| {
        let settings = realms.of(login.as_bytes(), realm.as_bytes(), b"");
        let base = String::from_utf8(lookup(settings).base.expand(&Default::default())).unwrap();
        (settings.servers[0].name.clone(), base)
    };
    for (login, realm, server, base) in [
        ("anna", "", "ldap://a", "dc=a"),
        ("anna@elsewhere", "", "ldap://a", "dc=a"),
        ("anna@EXAMPLE.org", "", "ldap://a", "dc=b"),
        // As for routes it is the last @ that counts; for %U and %d, which are C's, the first.
        ("a@b@example.org", "", "ldap://a", "dc=b"),
        ("@example.org", "", "ldap://a", "dc=b"),
        ("example.org", "", "ldap://a", "dc=a"),
        ("@", "", "ldap://a", "dc=a"),
        ("anna", "example.net", "ldap://c", "dc=a"),
        ("anna@example.org", "example.net", "ldap://c", "dc=a"),
        ("anna@example.org", "elsewhere", "ldap://a", "dc=a"),
    ] {
        assert_eq!(seen(login, realm), (server.to_owned(), base.to_owned()), "{login}, {realm}");
    }
}

#[test]
fn without_the_file_nothing_works() {
    let mut problems = Vec::new();
    assert!(Realms::read(&RawSettings::default(), &mut problems).is_none());
    assert_eq!(problems.len(), 1);
}

#[test]
fn ciphers_of_ldap_conf_that_cannot_be_translated_stop_what_has_tls_unless_the_file_has_its_own() {
    let conf = Some("TLS_CIPHER_SUITE NORMAL:-GROUP-X25518\n");
    for (file, stops) in [
        ("ldap_servers: ldap://a/\n", false),
        ("ldap_servers: ldaps://a/\n", true),
        ("ldap_servers: ldap://a/\nldap_start_tls: yes\n", true),
        ("ldap_servers: ldaps://a/\nldap_tls_ciphers: NORMAL\n", false),
    ] {
        let (realms, problems) = read_both(file, conf);
        assert_eq!(realms.is_none(), stops, "{file}: {problems:?}");
        assert!(problems[0].contains("\"-GROUP-X25518\""), "{problems:?}");
    }
}
