//! With `--user=nobody` everything is as it is for root.

use super::{Hidden, assert_is_unprivileged};
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{
    Answer, Authority, Certificate, Daemon, Dovecot, Entries, Launch, Nginx, Program, Request, RunningSlapd,
    Slapd, System, eventually,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const AS_NOBODY: &str = "--user=nobody";

fn is_right(daemon: &Daemon, login: &str, password: &str) -> bool {
    daemon.ask(&Request::new(login, password).service("smtp")).is_ok()
}

/// A slapd that takes only whoever has a certificate, and the authority of all.
struct Site {
    server: RunningSlapd,
    authority: Authority,
    client: Certificate,
}

impl Site {
    fn new() -> Self {
        let authority = Authority::new();
        let slapd = Slapd::new(Entries::new().user("anna", "right"));
        let certificate = authority.issue(&[&slapd.address().to_string()]);
        let client = authority.issue(&["client.example.test"]);
        let slapd = slapd.with_certificate(&certificate).asking_for_certificates_of(authority.file());
        Self { server: slapd.start(), authority, client }
    }

    fn searching(&self) -> String {
        format!(
            "ldap_servers: {}\nldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\nldap_search_base: {PEOPLE}\n",
            self.server.tls_uri()
        )
    }

    fn launch(&self, settings: &str) -> Launch {
        let launch = Launch::new(Program::Ours, &["-a", "ldap", "-n", "2", AS_NOBODY]);
        launch.with_file("-O", &format!("{}{settings}", self.searching()))
    }
}

fn expect_service(daemon: &Daemon) {
    assert_is_unprivileged(daemon);
    assert!(is_right(daemon, "anna", "right"));
    assert_eq!(daemon.ask(&Request::new("anna", "wrong").service("smtp")), "NO");
}

#[test]
fn a_directory_server_is_shown_a_certificate_that_only_root_can_read() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    let daemon = site.launch(&hidden.settings("ldap", &site.authority, &site.client)).start();
    expect_service(&daemon);
}

#[test]
fn so_is_an_imap_server() {
    require!(Root, Dovecot);
    let (authority, hidden) = (Authority::new(), Hidden::new());
    let dovecot = Dovecot::new(&[("anna", "right")]);
    let certificate = authority.issue(&[&dovecot.address().to_string()]);
    let dovecot = dovecot.with_certificate(&certificate).asking_for_certificates_of(authority.file()).start();
    let settings = hidden.settings("rimap", &authority, &authority.issue(&["client.example.test"]));
    let option = format!("imaps://{}", dovecot.tls_endpoint());
    let daemon = Launch::new(Program::Ours, &["-a", "rimap", "-O", &option, AS_NOBODY])
        .with_file("--config", &settings)
        .start();
    assert_is_unprivileged(&daemon);
    assert!(is_right(&daemon, "anna", "right"));
    assert!(!is_right(&daemon, "anna", "wrong"));
}

#[test]
fn so_is_a_policy_server() {
    require!(Root, Nginx);
    let (authority, hidden) = (Authority::new(), Hidden::new());
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).asking_for_certificates_of(authority.file()).start();
    let settings = hidden.settings("policy", &authority, &authority.issue(&["client.example.test"]));
    let url = format!("policy_url: https://{}/policy\npolicy_nonce: n\n", nginx.secure());
    let unavailable = "policy_on_unavailable: unavailable\n";
    let daemon = Launch::new(Program::Ours, &["-a", "getpwent", AS_NOBODY])
        .with_file("--config", &format!("{url}{unavailable}{settings}"))
        .start();
    assert_is_unprivileged(&daemon);
    let asked = || daemon.ask(&Request::new("anna", "x").service("smtp").address("10.1.1.1;25"));
    assert_eq!(asked(), "NO authentication failed");
    daemon.log.wait_for("[mech=policy]");
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert_eq!(asked(), "NO authentication failed", "and after a reload");
}

#[test]
fn so_is_a_web_server() {
    require!(Root, Nginx);
    let (authority, hidden) = (Authority::new(), Hidden::new());
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).asking_for_certificates_of(authority.file()).start();
    let settings = hidden.settings("httpform", &authority, &authority.issue(&["client.example.test"]));
    let url = format!("httpform_url: https://{}/login\nhttpform_data: u=%u&p=%p\n", nginx.secure());
    let daemon = Launch::new(Program::Ours, &["-a", "httpform", AS_NOBODY])
        .with_file("-O", &format!("{url}{settings}"))
        .start();
    assert_is_unprivileged(&daemon);
    assert!(is_right(&daemon, LOGIN, PASSWORD));
    assert!(!is_right(&daemon, LOGIN, "wrong"));
}

/// Under names of any kind, beside a key that is nobody's business.
#[test]
fn a_directory_of_authorities_that_only_root_can_read_is_trusted() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    for (name, source) in [("authority.crt", site.authority.file()), ("server.key", site.client.key.clone())]
    {
        hidden.take(&source, &format!("trusted/{name}"));
    }
    let own = hidden.settings("ldap", &Authority::new(), &site.client);
    let own = own.lines().skip(1).collect::<Vec<_>>().join("\n");
    let directory = hidden.path("trusted");
    let settings = format!("{own}\nldap_tls_cacert_dir: {}\n", directory.display());
    expect_service(&site.launch(&settings).start());
    fs::remove_file(directory.join("authority.crt")).unwrap();
    let finished = site.launch(&settings).run();
    assert_ne!(finished.code, Some(0));
    let expected = format!("{} holds no certificates in PEM: no file in it is one", directory.display());
    assert!(finished.errors.contains(&expected), "{finished:?}");
}

/// Wherever the link leads, and although the sandbox knows the usual places only.
#[test]
fn an_authority_is_trusted_that_is_linked_into_the_systems_directory() {
    require!(Root, Nginx, Mounts);
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).start();
    let linked = fs::read_dir(authority.hashed_directory()).unwrap().next().unwrap().unwrap();
    std::os::unix::fs::symlink(authority.file(), directory.path().join(linked.file_name())).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let settings = format!("httpform_url: https://{}/login\nhttpform_data: u=%u&p=%p\n", nginx.secure());
    let launch = Launch::new(Program::Ours, &["-a", "httpform", AS_NOBODY]).with_file("-O", &settings);
    let mounted = format!("mount --bind {} /etc/ssl/certs", directory.path().display());
    let daemon = launch.inside(&System::new()).after(&mounted).start();
    assert_is_unprivileged(&daemon);
    assert!(is_right(&daemon, LOGIN, PASSWORD));
    assert!(!is_right(&daemon, LOGIN, "wrong"));
}

#[test]
fn the_file_that_ldap_conf_names_need_not_be_readable_either() {
    require!(Root, Slapd, Mounts);
    let (site, hidden) = (Site::new(), Hidden::new());
    let authority = hidden.take(&site.authority.file(), "of ldap.conf.pem");
    let own = hidden.settings("ldap", &Authority::new(), &site.client);
    let own = own.lines().skip(1).collect::<Vec<_>>().join("\n");
    let system = System::new().ldap_conf(&format!("TLS_CACERT {}\n", authority.display()));
    expect_service(&site.launch(&own).inside(&system).start());
}

#[test]
fn the_files_of_sections_come_along() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    let own = hidden.settings("ldap", &site.authority, &site.client);
    let file = format!(
        "{}[realm example.org]\n{own}[mechanism other]\ntype: ldap\n{}{own}[service other]\nmechanisms: other\n",
        site.searching(),
        site.searching()
    );
    let daemon =
        Launch::new(Program::Ours, &["-a", "ldap", "-n", "2", AS_NOBODY]).with_file("-O", &file).start();
    assert_is_unprivileged(&daemon);
    let login =
        |service: &str, realm: &str| daemon.ask(&Request::new("anna", "right").service(service).realm(realm));
    assert!(login("smtp", "example.org").is_ok());
    assert!(login("other", "").is_ok());
    assert_eq!(login("smtp", ""), Answer::Nothing, "there nothing is trusted");
}

#[test]
fn a_file_that_changes_counts_from_the_reload_on() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    let daemon = site.launch(&hidden.settings("ldap", &site.authority, &site.client)).start();
    expect_service(&daemon);
    hidden.take(&Authority::new().file(), "authority.pem");
    assert!(is_right(&daemon, "anna", "right"));
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert_eq!(daemon.ask(&Request::new("anna", "right").service("smtp")), Answer::Nothing);
    // One that cannot be used leaves everything as it is.
    fs::write(hidden.path("authority.pem"), "no certificate").unwrap();
    daemon.process.signal("HUP");
    let expected = format!("{} holds no certificates in PEM", hidden.path("authority.pem").display());
    daemon.log.wait_for(&expected);
    hidden.take(&site.authority.file(), "authority.pem");
    daemon.process.signal("HUP");
    eventually("the right authority is trusted again", || is_right(&daemon, "anna", "right").then_some(()));
}

#[test]
fn a_frontend_that_is_replaced_has_them_too() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    let daemon = site.launch(&hidden.settings("ldap", &site.authority, &site.client)).start();
    expect_service(&daemon);
    let killed = daemon.children("frontend");
    killed.iter().for_each(|frontend| frontend.signal("KILL"));
    eventually("another frontend serves", || {
        let is_another = daemon.children("frontend").iter().all(|frontend| !killed.contains(frontend));
        (is_another && is_right(&daemon, "anna", "right")).then_some(())
    });
    assert_is_unprivileged(&daemon);
}

/// A bundle of many authorities, more than fits into one pipe.
#[test]
fn it_may_be_much() {
    require!(Root, Slapd);
    let (site, hidden) = (Site::new(), Hidden::new());
    let settings = hidden.settings("ldap", &site.authority, &site.client);
    let comment = "# one of many lines that say nothing\n".repeat(60_000);
    let bundle = format!("{comment}{}", fs::read_to_string(site.authority.file()).unwrap());
    assert!(bundle.len() > 2 << 20);
    fs::write(hidden.path("authority.pem"), bundle).unwrap();
    expect_service(&site.launch(&settings).start());
}

#[test]
fn what_cannot_be_read_is_told_in_the_same_words_whoever_serves() {
    require!(Root);
    let file = "ldap_servers: ldaps://127.0.0.1\nldap_tls_cacert_file: /nonexistent/authority.pem\n";
    let launch =
        |flags: &[&str]| Launch::new(Program::Ours, &["-a", "ldap"]).with(flags).with_file("-O", file);
    for flags in [[].as_slice(), &[AS_NOBODY]] {
        let finished = launch(flags).run();
        assert_ne!(finished.code, Some(0));
        let expected = "failed to initialize mechanism ldap: /nonexistent/authority.pem cannot be read: No such file \
                        or directory";
        assert!(finished.errors.contains(expected), "{finished:?}");
    }
}
