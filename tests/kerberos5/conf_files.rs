//! krb5.conf as sites have it: in parts, with what libraries pass over, and with what they do not.

use super::{INTERNAL, ask, realm, start_with, usual};
use crate::support::Program;
use crate::support::kerberos::Krb5File;
use std::fs;
use std::os::unix::fs::PermissionsExt;

for_both!(
    a_krb5_conf_in_parts_serves_as_it_does_other_programs,
    a_krb5_conf_that_makes_no_sense_lets_nobody_in_until_it_is_mended,
    krb5_config_may_name_several_files_of_which_some_are_missing,
);

/// The file reads the rest from others. In a directory names with a dot but `.conf` are passed over.
fn a_krb5_conf_in_parts_serves_as_it_does_other_programs(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    let whole = server.conf().text();
    let (defaults, realms) = whole.split_once("[realms]").unwrap();
    let realms = format!("[realms]{realms}");
    let parts = tempfile::tempdir().unwrap();
    let part = |name: &str, text: &str| {
        let path = parts.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path.display().to_string()
    };
    let (defaults_file, realms_file) = (part("defaults", defaults), part("realms", &realms));
    part("d/realms.conf", &realms);
    for odd in [".hidden", "realms.conf~", "realms.rpmsave", "#realms#"] {
        part(&format!("d/{odd}"), "this is = { no krb5.conf");
    }
    let directory = parts.path().join("d").display().to_string();
    for text in [
        format!("include {defaults_file}\ninclude {realms_file}\n"),
        format!("{defaults}includedir {directory}\n"),
        format!("includedir {directory}\n{defaults}"),
        // As Red Hat's, whose directory may be empty.
        format!("includedir {}\n{whole}", tempfile::tempdir_in(parts.path()).unwrap().keep().display()),
        format!("# nothing\n; either\n\n{whole}"),
    ] {
        let conf = Krb5File::of(&text);
        let daemon = start_with(program, &conf, &settings);
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK", "{text}");
        assert!(ask(&daemon, "anna", "", "wrong").is_no(), "{text}");
    }
    // Without a default realm, but with one to ask.
    let conf = Krb5File::of(&realms);
    let daemon = start_with(program, &conf, &settings);
    assert!(!ask(&daemon, "anna", "", "right").is_ok());
}

/// It is read for each login.
fn a_krb5_conf_that_makes_no_sense_lets_nobody_in_until_it_is_mended(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let conf = server.conf().write();
    let daemon = start_with(program, &conf, &usual(&server));
    let whole = server.conf().text();
    for broken in [
        format!("{whole}\n[realms\n"),
        "default_realm = EXAMPLE.ORG\n".to_owned(),
        format!("include /nonexistent/file\n{whole}"),
        format!("includedir /nonexistent/directory\n{whole}"),
        // The library can have settings from a program's module. That one is not there.
        format!("module /nonexistent/module.so:x\n{whole}"),
    ] {
        fs::write(conf.path(), &broken).unwrap();
        assert_eq!(ask(&daemon, "anna", "", "right"), program.unavailable(INTERNAL), "{broken}");
        fs::write(conf.path(), &whole).unwrap();
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    }
    if program == Program::Ours {
        daemon.log.wait_for("settings of a module");
    }
}

fn krb5_config_may_name_several_files_of_which_some_are_missing(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    let conf = server.conf().write();
    let missing = "/nonexistent/krb5.conf";
    let other = Krb5File::of("[libdefaults]\n default_realm = OTHER.EXAMPLE\n");
    for (files, expected) in [
        (format!("{missing}:{}", conf.path().display()), true),
        (format!("{}:{missing}", conf.path().display()), true),
        (format!("{}:{}", conf.path().display(), other.path().display()), true),
        (format!("{}:{}", other.path().display(), conf.path().display()), false),
        (missing.to_owned(), false),
    ] {
        let variable = format!("KRB5_CONFIG={files}");
        let daemon = super::launch(program, &settings).behind(&["env", &variable]).start();
        assert_eq!(ask(&daemon, "anna", "", "right").is_ok(), expected, "{files}");
    }
}
