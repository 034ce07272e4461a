//! The service account logs in by GSSAPI: slapd and a Kerberos server of the test's own.

mod layers;
mod outages;

use super::{ask, launch, unavailable};
use crate::support::kerberos::{Kerberos, Krb5Conf, Krb5File, REALM, SilentKdc, Tickets, library};
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD, gssapi_plugins};
use crate::support::waiting::eventually;
use crate::support::{Authority, Daemon, Entries, Launch, Program, Request, RunningSlapd, Slapd, System};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

for_both!(
    a_key_of_the_environment_serves,
    tickets_of_the_environment_serve,
    tickets_in_a_directory_of_caches_serve,
    who_has_typed_what_is_asked_of_the_directory,
    without_tickets_nobody_can_be_asked,
);

/// The account that searches, as a principal.
const PRINCIPAL: &str = "service";

/// How much later than they end tickets are still taken; five minutes, where nothing else is said.
const SKEW: Duration = Duration::from_secs(1);

/// A directory that takes no search of a stranger, and what it and its clients know of Kerberos.
pub struct Site {
    pub kerberos: Kerberos,
    slapd: RunningSlapd,
    conf: Krb5File,
}

impl Site {
    /// What every test begins with.
    pub fn start() -> Self {
        Self::with(|conf| conf, |slapd| slapd)
    }

    fn with(conf: impl FnOnce(Krb5Conf) -> Krb5Conf, more: impl FnOnce(Slapd) -> Slapd) -> Self {
        let kerberos = Kerberos::start(&[]);
        let entries = Entries::new().user("anna", "right").user("berta", "also right");
        let slapd = Slapd::new(entries.entry(&format!("uid=long,{PEOPLE}"), &long_entry()));
        let host = slapd.address().to_string();
        let service = format!("ldap/{host}");
        kerberos.add_service(PRINCIPAL);
        kerberos.add_service(&service);
        let conf = conf(kerberos.conf()).write();
        let slapd = slapd
            .closed_to_strangers()
            .with_line(&format!("sasl-host {host}"))
            .with_line(&format!("sasl-realm {REALM}"))
            .with_line(&format!(
                "authz-regexp \"uid={PRINCIPAL},(cn=[^,]*,)?cn=gssapi,cn=auth\" \"{SERVICE}\""
            ))
            .with_environment("SASL_PATH", &gssapi_plugins().unwrap())
            .with_environment("KRB5_CONFIG", &conf.path())
            .with_environment("KRB5_KTNAME", &kerberos.keytab(&service, "slapd.keytab"));
        Self { slapd: more(slapd).start(), kerberos, conf }
    }

    /// The key of the account, for nobody but root.
    pub fn keytab(&self) -> PathBuf {
        self.kerberos.keytab(PRINCIPAL, "service.keytab")
    }

    /// A saslauthd.conf without whose tickets.
    pub fn settings(&self, method: &str, more: &str) -> String {
        let servers = match more.contains("ldap_servers: ") {
            true => String::new(),
            false => format!("ldap_servers: {}\n", self.slapd.uri()),
        };
        format!(
            "{servers}ldap_search_base: {PEOPLE}\nldap_use_sasl: yes\nldap_mech: GSSAPI\n\
             ldap_auth_method: {method}\n{more}"
        )
    }

    /// A daemon with this environment.
    pub fn launch(&self, program: Program, settings: &str, environment: &[(&str, &str)]) -> Launch {
        let conf = self.conf.path().display().to_string();
        let plugins = gssapi_plugins().unwrap().display().to_string();
        let own = [("KRB5_CONFIG", conf.as_str()), ("SASL_PATH", plugins.as_str())];
        let environment = own.into_iter().chain(environment.iter().copied());
        let prefix = ["env".to_owned()].into_iter();
        let prefix = prefix.chain(environment.map(|(name, value)| format!("{name}={value}")));
        launch(program, settings).behind(&prefix.collect::<Vec<_>>())
    }

    /// Ours with a keytab that a key names.
    fn ours(&self, keytab: &Path, more: &str) -> Daemon {
        let settings = self.settings("bind", &format!("ldap_krb5_keytab: {}\n{more}", keytab.display()));
        self.launch(Program::Ours, &settings, &[]).start()
    }
}

/// A user whose description, one of twelve, is his password, and the others are a kilobyte each.
fn long_entry() -> Vec<(&'static str, String)> {
    let mut entry: Vec<_> =
        [("objectClass", "inetOrgPerson"), ("uid", "long"), ("cn", "long"), ("sn", "user")]
            .map(|(name, value)| (name, value.to_owned()))
            .into();
    entry.extend((0..11).map(|number| ("description", format!("{number}{}", "x".repeat(1000)))));
    // C takes the last value.
    entry.push(("description", "right".to_owned()));
    entry
}

fn expect_judgement(daemon: &Daemon) {
    for _ in 0..2 {
        assert_eq!(ask(daemon, "anna", "right"), "OK");
        assert_eq!(ask(daemon, "anna", "wrong"), "NO");
        assert_eq!(ask(daemon, "anna", "also right"), "NO");
        assert_eq!(ask(daemon, "nobody", "right"), "NO");
    }
}

fn a_key_of_the_environment_serves(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab().display().to_string();
    let environment = [("KRB5_CLIENT_KTNAME", keytab.as_str()), ("KRB5CCNAME", "MEMORY:saslauthd")];
    let daemon = site.launch(program, &site.settings("custom", ""), &environment).start();
    expect_judgement(&daemon);
    assert!(site.slapd.logged(&format!("BIND dn=\"{SERVICE}\" mech=GSSAPI")) > 0);
}

fn tickets_of_the_environment_serve(program: Program) {
    require!(Slapd, Kerberos, Kinit, GssapiOfSasl);
    let site = Site::start();
    let tickets = Tickets::of(&site.kerberos, PRINCIPAL, &site.keytab(), "10h");
    let cache = format!("FILE:{}", tickets.path().display());
    let daemon = site.launch(program, &site.settings("custom", ""), &[("KRB5CCNAME", &cache)]).start();
    expect_judgement(&daemon);
}

fn tickets_in_a_directory_of_caches_serve(program: Program) {
    require!(Slapd, Kerberos, Kinit, GssapiOfSasl);
    let site = Site::start();
    let tickets = Tickets::of(&site.kerberos, PRINCIPAL, &site.keytab(), "10h");
    let caches = tickets.path().with_file_name("caches");
    fs::create_dir(&caches).unwrap();
    fs::copy(tickets.path(), caches.join("tktservice")).unwrap();
    fs::write(caches.join("primary"), "tktservice\n").unwrap();
    let cache = format!("DIR:{}", caches.display());
    let daemon = site.launch(program, &site.settings("custom", ""), &[("KRB5CCNAME", &cache)]).start();
    expect_judgement(&daemon);
}

/// Tickets that only their owner's processes can open: the log says what to do.
#[test]
fn tickets_that_are_in_no_file_are_an_outage_that_names_the_variable_and_the_remedy() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    for cache in ["KCM:", "KEYRING:persistent:0"] {
        let environment = [("KRB5CCNAME", cache)];
        let daemon = site.launch(Program::Ours, &site.settings("custom", ""), &environment).start();
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
        let told = daemon.log.wait_for(&format!("KRB5CCNAME={cache} is no file"));
        assert!(told.contains("ldap_krb5_keytab") && told.contains("FILE:/PATH"), "{told}");
    }
}

/// C binds once more by GSSAPI, as itself, and so lets in everybody with any password.
fn who_has_typed_what_is_asked_of_the_directory(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab().display().to_string();
    let environment = [("KRB5_CLIENT_KTNAME", keytab.as_str()), ("KRB5CCNAME", "MEMORY:saslauthd")];
    let daemon = site.launch(program, &site.settings("bind", ""), &environment).start();
    let wrong = program.better("a password is checked by a bind with it", "OK", "NO");
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "wrong"), wrong);
    assert_eq!(ask(&daemon, "nobody", "right"), wrong);
    let was_asked = site.slapd.logged("BIND dn=\"uid=anna") > 0;
    assert_eq!(was_asked, program.better("the directory is who checks it", false, true));
}

fn without_tickets_nobody_can_be_asked(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let environment = [("KRB5CCNAME", "FILE:/nonexistent/tickets")];
    let daemon = site.launch(program, &site.settings("custom", ""), &environment).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
    if program == Program::Ours {
        daemon.log.wait_for("/nonexistent/tickets cannot be opened: No such file or directory");
    }
}

/// A machine on which the library is an empty file.
#[test]
fn a_check_names_the_library_that_is_missing() {
    require!(Root, Mounts, Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let settings = site.settings("bind", &format!("ldap_krb5_keytab: {}\n", site.keytab().display()));
    let check = || site.launch(Program::Ours, &settings, &[]).with(&["--check"]);
    assert_eq!(check().run().code, Some(0));
    let without = format!("mount --bind /dev/null {}", library("libgssapi_krb5.so.2"));
    let finished = check().inside(&System::new()).after(&without).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.output.contains("install libgssapi-krb5-2"), "{finished:?}");
}

#[test]
fn a_keytab_that_only_root_can_read_serves_a_worker_that_is_not_root() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab();
    let daemon = site.ours(&keytab, &format!("ldap_krb5_principal: {PRINCIPAL}@{REALM}\n"));
    expect_judgement(&daemon);
    let daemon = site.ours(&keytab, "ldap_krb5_principal: somebody\n");
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    daemon.log.wait_for("somebody cannot log in with");
}

#[test]
fn tickets_that_have_expired_are_an_outage_until_they_are_renewed() {
    require!(Slapd, Kerberos, Kinit, GssapiOfSasl);
    let site = Site::with(|conf| conf.with(&format!("clockskew = {}", SKEW.as_secs())), |slapd| slapd);
    let keytab = site.keytab();
    let tickets = Tickets::of(&site.kerberos, PRINCIPAL, &keytab, "1s");
    eventually("the tickets expire", || (!tickets.are_valid()).then_some(()));
    let expired = Instant::now();
    eventually("nobody takes them any more", || (expired.elapsed() > SKEW * 2).then_some(()));
    let settings = site.settings("bind", &format!("ldap_krb5_ccache: {}\n", tickets.path().display()));
    let daemon = site.launch(Program::Ours, &settings, &[]).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    daemon.log.wait_for("the service account GSSAPI cannot bind");
    tickets.renew(&site.kerberos, PRINCIPAL, &keytab, "10h");
    eventually("the new tickets serve", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    expect_judgement(&daemon);
}

#[test]
fn a_keytab_that_is_too_old_is_an_outage_until_there_is_another() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab();
    site.kerberos.change_key(PRINCIPAL);
    let daemon = site.ours(&keytab, "");
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    fs::copy(site.kerberos.keytab(PRINCIPAL, "new.keytab"), &keytab).unwrap();
    eventually("the new keytab serves", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    expect_judgement(&daemon);
    let before = binds(&site);
    daemon.process.signal("HUP");
    eventually("the next frontend logs in", || {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        (binds(&site) > before).then_some(())
    });
}

/// How often the account has logged in.
fn binds(site: &Site) -> usize {
    site.slapd.logged(&format!("BIND dn=\"{SERVICE}\" mech=GSSAPI"))
}

/// Nobody but those who need it waits for a Kerberos server that says nothing.
#[test]
fn a_silent_kerberos_server_holds_up_nobody_who_does_not_need_it() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let keytab = site.keytab();
    let simple = format!(
        "ldap_timeout: 3\n[realm simple.test]\nldap_use_sasl: no\nldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\n"
    );
    let daemon = site.ours(&keytab, &simple);
    let of_other = Request::new("anna", "right").service("smtp").realm("simple.test");
    site.kerberos.signal("STOP");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&daemon, "anna", "right"));
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(daemon.ask(&of_other), "OK");
        }
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(waiting.join().unwrap(), unavailable(Program::Ours));
    });
    daemon.log.wait_for("its login by GSSAPI waits for Kerberos");
    site.kerberos.signal("CONT");
    eventually("it serves again", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
}

/// What the first one costs is paid once for a ticket, not for each login.
#[test]
fn where_the_first_kerberos_server_is_silent_the_second_is_asked() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let silent = SilentKdc::start();
    let conf = |conf: Krb5Conf| conf.first_ask(REALM, silent.address());
    let site = Site::with(conf, |slapd| slapd);
    let daemon = site.ours(&site.keytab(), "");
    eventually("it serves", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    assert!(silent.heard() > 0);
    expect_judgement(&daemon);
}

#[test]
fn many_logins_at_once_share_what_the_account_has_opened() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = Site::start();
    let daemon = site.ours(&site.keytab(), "");
    thread::scope(|scope| {
        for number in 0..50 {
            let daemon = &daemon;
            scope.spawn(move || {
                let (password, expected) = if number % 5 == 0 { ("wrong", "NO") } else { ("right", "OK") };
                assert_eq!(ask(daemon, "anna", password), expected);
            });
        }
    });
    // Each connection on which users bind is protected by a login of the account's own.
    assert!((1..=51).contains(&binds(&site)));
}

#[test]
fn over_tls_and_with_an_identity_to_act_as_the_account_logs_in_too() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let authority = Authority::new();
    let with_tls = |slapd: Slapd| {
        let certificate = authority.issue(&[&slapd.address().to_string()]);
        slapd.with_certificate(&certificate)
    };
    let site = Site::with(|conf| conf, with_tls);
    let keytab = site.keytab();
    let trusted = format!("ldap_tls_cacert_file: {}\nldap_tls_check_peer: yes\n", authority.file().display());
    for tls in [format!("ldap_servers: {}\n", site.slapd.tls_uri()), "ldap_start_tls: yes\n".to_owned()] {
        let own = format!("{trusted}{tls}ldap_authz_id: dn:{SERVICE}\n");
        expect_judgement(&site.ours(&keytab, &own));
    }
    let daemon = site.ours(&keytab, &format!("ldap_authz_id: dn:uid=berta,{PEOPLE}\n"));
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    daemon.log.wait_for("the service account GSSAPI cannot bind");
}
