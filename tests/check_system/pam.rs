//! PAM: services without files, modules that are not installed.

use super::site::Site;
use super::{command_of, line};

const PAM: [&str; 2] = ["-a", "pam"];
const DENIES: &str = "auth required pam_deny.so\naccount required pam_deny.so\n";

#[test]
fn a_service_without_a_file_is_no_fault_where_other_lets_people_in() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.remove("pam.d/smtp");
    site.write("pam.d/other", "auth required pam_unix.so\naccount required pam_unix.so\n");
    site.is_well(&PAM);
    line(&site.check(&PAM), "/etc/pam.d/smtp does not exist; /etc/pam.d/other decides instead");
}

#[test]
fn a_service_without_a_file_where_other_denies_is_made_by_the_remedy() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.remove("pam.d/smtp");
    site.write("pam.d/other", DENIES);
    site.is_cured(&PAM, "error", "/etc/pam.d/smtp does not exist, and /etc/pam.d/other");
    site.remove("pam.d/smtp");
    site.remove("pam.d/other");
    site.is_cured(&PAM, "error", "neither /etc/pam.d/smtp nor /etc/pam.d/other exists");
}

#[test]
fn services_with_files_need_no_other_where_nobody_knows_who_asks() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.sh("rm -r /etc/postfix /etc/pam.d");
    site.write("pam.d/imap", "auth required pam_unix.so\naccount required pam_unix.so\n");
    site.is_well(&PAM);
    site.remove("pam.d/imap");
    site.is_cured(&PAM, "error", "no service that clients usually name has a file in /etc/pam.d");
}

#[test]
fn the_service_that_postfix_names_is_the_one_that_is_looked_at() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.sh("echo 'smtpd_sasl_service = mail' >> /etc/postfix/main.cf");
    site.write("pam.d/other", DENIES);
    site.is_cured(&PAM, "error", "/etc/pam.d/mail does not exist");
    assert!(site.path("etc/pam.d/mail").exists());
}

#[test]
fn a_module_that_is_not_installed_is_told_however_deep_it_is() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.write("pam.d/smtp", "@include mail\n");
    site.write(
        "pam.d/mail",
        "auth required pam_nonexistent.so passwd=secret\naccount required pam_unix.so\n",
    );
    let report = site.check(&PAM);
    assert_eq!(report.code, Some(1));
    line(&report, "the module pam_nonexistent.so, which /etc/pam.d/smtp asks, is not installed");
    assert!(!report.output.contains("secret"), "{report:#?}");
    site.write("pam.d/mail", "auth required pam_mysql.so\n");
    let report = site.check(&PAM);
    if std::path::Path::new("/lib/x86_64-linux-gnu/security/pam_mysql.so").exists() {
        return;
    }
    assert_eq!(command_of(line(&report, "pam_mysql.so")), "apt-get install libpam-mysql");
}

#[test]
fn a_module_that_is_not_installed_is_no_fault_where_its_answer_does_not_count() {
    require!(Root, Mounts);
    let site = Site::plain();
    let unix = "auth required pam_unix.so\naccount required pam_unix.so\n";
    site.write("pam.d/smtp", &format!("auth optional pam_nonexistent.so\n{unix}"));
    site.is_well(&PAM);
    site.write("pam.d/smtp", &format!("auth sufficient pam_nonexistent.so\n{unix}"));
    let report = site.check(&PAM);
    assert_eq!(report.code, Some(0));
    line(&report, "warning: the module pam_nonexistent.so, which /etc/pam.d/smtp asks, is not installed");
}

#[test]
fn who_asks_no_pam_has_none_of_its_faults() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.write("pam.d/smtp", DENIES);
    site.is_well(&["-a", "shadow"]);
}
