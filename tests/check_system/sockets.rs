//! Who reaches the socket: groups, chroots, other daemons.

use super::site::Site;
use super::{command_of, complaints, line};
use crate::support::command::run;
use crate::support::{Daemon, Finished, Launch, Program, eventually};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

const PAM: [&str; 2] = ["-a", "pam"];

#[test]
fn the_site_of_debians_readme_has_no_finding_but_ok() {
    require!(Root, Mounts);
    let site = Site::chrooted();
    site.is_well(&PAM);
    let report = site.check(&PAM);
    line(&report, "Postfix's smtpd (smtp/inet): postfix will find ");
    assert!(fs::read_dir(site.run_directory()).unwrap().next().is_none(), "nothing is made");
}

#[test]
fn a_site_without_a_chroot_has_no_finding_but_ok() {
    require!(Root, Mounts);
    let mut site = Site::plain();
    site.is_well(&PAM);
    // A link leads there on every system.
    site.move_to("/var/run/saslauthd");
    site.is_well(&PAM);
}

#[test]
fn a_run_directory_that_is_not_there_yet_is_made_by_the_daemon() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.sh("rmdir /run/saslauthd");
    site.is_well(&PAM);
}

#[test]
fn postfix_that_is_not_in_the_group_gets_in_by_the_remedy() {
    require!(Root, Mounts);
    for site in [Site::chrooted(), Site::plain()] {
        site.sh("gpasswd -d postfix sasl");
        site.is_cured(&PAM, "error", "postfix may not enter ");
    }
}

#[test]
fn a_run_directory_for_root_only_is_opened_by_the_remedy() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.sh("gpasswd -d postfix sasl && chgrp root /run/saslauthd && chmod 0700 /run/saslauthd");
    site.is_cured(&PAM, "error", "postfix may not enter /var/run/saslauthd (mode 0700, group root)");
    site.sh("chmod 0700 /run");
    site.is_cured(&PAM, "error", "postfix may not enter /var/run (mode 0700");
}

#[test]
fn a_parent_that_is_missing_is_made_by_the_remedy() {
    require!(Root, Mounts);
    let mut site = Site::plain();
    let elsewhere = site.path("spool/a/b");
    site.move_to(elsewhere);
    let report = site.check(&PAM);
    site.sh(command_of(line(&report, "cannot be made: ")));
    assert!(!site.check(&PAM).output.contains("cannot be made: "));
}

#[test]
fn a_chrooted_smtpd_whose_daemon_is_outside_is_served_by_the_directory_that_the_remedy_names() {
    require!(Root, Mounts);
    let mut site = Site::chrooted();
    let right = site.run_directory().to_owned();
    site.move_to("/run/saslauthd");
    let report = site.check(&PAM);
    let told = line(&report, "Postfix's smtpd (smtp/inet) looks for the socket at ");
    assert_eq!(report.code, Some(1));
    assert_eq!(command_of(told), format!("-m {}", right.display()));
    site.move_to(right);
    site.is_well(&PAM);
}

#[test]
fn a_daemon_in_the_chroot_that_smtpd_is_not_in_is_found_by_the_path_that_the_remedy_sets() {
    require!(Root, Mounts);
    let mut site = Site::plain();
    let inside = site.path("spool/var/run/saslauthd");
    let place = inside.display();
    site.sh(&format!("mkdir -p {place} && chgrp sasl {place} && chmod 0710 {place}"));
    site.move_to(&inside);
    let report = site.check(&PAM);
    let told = line(&report, "looks for the socket at /var/run/saslauthd/mux");
    assert_eq!(command_of(told), "-m /var/run/saslauthd");
    // The other remedy in that line.
    site.sh(told.split('`').nth(3).unwrap());
    site.is_well(&PAM);
}

#[test]
fn a_mount_into_the_chroot_counts_as_the_place_itself() {
    require!(Root, Mounts);
    let mut site = Site::chrooted();
    let inside = site.run_directory().to_owned();
    let script = format!(
        "mkdir /run/saslauthd && chgrp sasl /run/saslauthd && chmod 0710 /run/saslauthd && \
         mount --bind /run/saslauthd {} && exec {} -a pam -m /run/saslauthd --check=system",
        inside.display(),
        Program::Ours.daemon().display()
    );
    site.move_to("/run/saslauthd");
    let report = site.sh(&script);
    assert_eq!(complaints(&report), [""; 0], "{report:#?}");
}

#[test]
fn a_link_out_of_the_chroot_is_found_and_the_remedy_puts_a_mount_in_its_place() {
    require!(Root, Mounts);
    let mut site = Site::chrooted();
    let inside = site.run_directory().display().to_string();
    site.move_to("/run/saslauthd");
    for target in ["/run/saslauthd", "/var/run/saslauthd"] {
        let daemon = Program::Ours.daemon().display().to_string();
        let script = format!(
            "mkdir -p /run/saslauthd && chgrp sasl /run/saslauthd && chmod 0710 /run/saslauthd\n\
             rm -rf {inside} && ln -s {target} {inside} && {daemon} -a pam -m /run/saslauthd --check=system"
        );
        let report = run_in(&site, &script);
        let told = line(&report, "leads out of the chroot");
        assert!(told.starts_with("error: "), "{told}");
        // The mount lasts as long as its namespace.
        let report = run_in(
            &site,
            &format!("{} && {daemon} -a pam -m /run/saslauthd --check=system", command_of(told)),
        );
        assert_eq!((complaints(&report), report.code), (Vec::new(), Some(0)), "{report:#?}");
    }
}

#[test]
fn a_daemon_of_its_own_for_postfix_is_no_fault_of_either() {
    require!(Root, Mounts);
    let mut site = Site::chrooted();
    let inside = site.run_directory().to_owned();
    site.write("init.d/saslauthd", "#!/bin/sh\nif [ \"$START\" != \"yes\" ]; then exit 0; fi\n");
    let usual = Path::new("/var/run/saslauthd");
    site.write_defaults("saslauthd", "yes", usual);
    site.write_defaults("saslauthd-postfix", "yes", &inside);
    site.is_well(&PAM);
    if has_unit() {
        return;
    }
    site.look_at(usual);
    site.is_well(&PAM);
    line(&site.check(&PAM), "asks another daemon, at ");
    site.write_defaults("saslauthd", "no", usual);
    line(&site.check(&PAM), "warning: init starts the daemon with `-m ");
    site.look_at(&inside);
    site.is_well(&PAM);
}

/// Whether there is a unit, which counts instead of the script.
fn has_unit() -> bool {
    let directories = ["/usr/lib/systemd/system", "/lib/systemd/system"];
    directories.iter().any(|path| Path::new(path).join("saslauthd.service").exists())
}

/// Whatever comes of it.
fn run_in(site: &Site, script: &str) -> Finished {
    let prefix = site.prefix();
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).args(["sh", "-c", script]);
    run(command)
}

#[test]
fn options_of_libsasl_that_ask_somebody_else_are_put_right_by_the_remedy() {
    require!(Root, Mounts);
    let site = Site::plain();
    let list = "mech_list: PLAIN LOGIN\n";
    for (text, severity, words) in [
        ("", "error", "smtpd.conf has no pwcheck_method"),
        ("mech_list: PLAIN LOGIN\n", "error", "smtpd.conf has no pwcheck_method"),
        ("pwcheck_method: auxprop\nmech_list: PLAIN LOGIN\n", "warning", "says pwcheck_method: auxprop"),
        ("pwcheck_method: saslauthd\nmech_list: PLAIN CRAM-MD5\n", "warning", "offers CRAM-MD5 to clients"),
    ] {
        site.write("postfix/sasl/smtpd.conf", text);
        let report = site.check(&PAM);
        let told = line(&report, words);
        assert!(told.starts_with(&format!("{severity}: ")), "{told}");
        site.sh(command_of(told));
        // The empty file has another mistake.
        if text.is_empty() {
            site.sh(&format!("printf '{}' >> /etc/postfix/sasl/smtpd.conf", list.replace('\n', "\\n")));
        }
        site.is_well(&PAM);
    }
    site.remove("postfix/sasl/smtpd.conf");
    site.is_cured(&PAM, "error", "/etc/postfix/sasl/smtpd.conf is missing");
}

#[test]
fn a_socket_for_dovecots_protocol_that_postfix_cannot_open_is_told() {
    require!(Root, Mounts);
    let site = Site::chrooted();
    site.sh("printf 'smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n' >> /etc/postfix/main.cf");
    // As the daemon of another program would have it, it is nobody's business here.
    let report = site.check(&PAM);
    assert!(!report.output.contains("Postfix's smtpd"), "{report:#?}");
    let path = site.path("spool/private/auth");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let _listener = UnixListener::bind(&path).unwrap();
    let socket = format!("--socket={},protocol=dovecot", path.display());
    for (mode, owner, severity) in [("0660", "root", "error"), ("0660", "postfix", "ok")] {
        site.sh(&format!("chown {owner} {0} && chmod {mode} {0}", path.display()));
        let report = site.check(&["-a", "pam", &socket]);
        let told = line(&report, "Postfix's smtpd (smtp/inet): ");
        assert!(told.starts_with(&format!("{severity}: ")), "{told}");
        assert_eq!(told.contains("add `owner=postfix` to the socket"), severity == "error", "{told}");
    }
}

#[test]
fn postfix_may_ask_somebody_else_where_cyrus_imap_asks_this_daemon() {
    require!(Root, Mounts);
    let site = Site::plain();
    site.write("postfix/sasl/smtpd.conf", "pwcheck_method: auxprop\nmech_list: PLAIN CRAM-MD5\n");
    site.sh("id cyrus >/dev/null 2>&1 || echo 'cyrus:x:4244:4243::/:/usr/sbin/nologin' >> /etc/passwd");
    site.sh("usermod -a -G sasl cyrus");
    site.write("imapd.conf", "sasl_pwcheck_method: saslauthd\nsasl_mech_list: PLAIN\n");
    site.is_well(&PAM);
}

#[test]
fn the_init_script_starts_the_daemon_once_the_remedy_has_said_yes() {
    require!(Root, Mounts);
    let site = Site::plain();
    // Debian 12's asks for it; a unit that is there would count instead.
    site.write("init.d/saslauthd", "#!/bin/sh\nif [ \"$START\" != \"yes\" ]; then exit 0; fi\n");
    if has_unit() {
        return site.is_well(&PAM);
    }
    site.write("default/saslauthd", "# START=yes\nSTART=no\n");
    site.is_cured(&PAM, "error", "says START=no");
    site.write("default/saslauthd", "MECHANISMS=pam\n");
    site.is_cured(&PAM, "warning", "does not say START=yes");
}

/// What is said of the socket of a daemon that was started for the test.
fn of_daemon(daemon: &Daemon) -> String {
    let mut site = Site::plain();
    site.move_to(daemon.run_directory());
    let report = site.check(&PAM);
    line(&report, &format!("{}", daemon.run_directory().join("mux").display())).to_owned()
}

#[test]
fn the_daemon_that_runs_is_named_and_its_end_is_noticed() {
    require!(Root, Mounts);
    let daemon = Daemon::start(Program::Ours, &PAM);
    let told = of_daemon(&daemon);
    let id = daemon.children("frontend")[0].clone();
    assert!(told.starts_with("ok: ") && told.contains(" listens"), "{told}");
    assert!(told.contains("(process "), "{told}");
    daemon.process.signal("KILL");
    eventually("all of it is gone", || (!id.is_running()).then_some(()));
    let told = of_daemon(&daemon);
    assert!(
        told.starts_with("warning: ") && told.contains("is the socket of a daemon that is gone"),
        "{told}"
    );
}

#[test]
fn the_c_daemon_that_serves_the_socket_is_named() {
    require!(Root, Mounts, CDaemon);
    let daemon = Launch::new(Program::C, &PAM).start();
    let told = of_daemon(&daemon);
    assert!(told.starts_with("warning: "), "{told}");
    assert!(told.contains(&format!("{} (process ", Program::C.daemon().display())), "{told}");
    assert!(told.contains("systemctl stop saslauthd"), "{told}");
}
