use super::*;
use crate::mechanism::pam::stacks::ServiceFile;
use crate::system_check::finding::Severity;

const COMMON_AUTH: &str = "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n\
    auth required pam_permit.so\n";
const OF_DEBIAN: [(&str, &str); 4] = [
    ("other", "@include common-auth\n@include common-account\n"),
    ("common-auth", COMMON_AUTH),
    ("common-account", "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"),
    ("login", "auth optional pam_faildelay.so  delay=3000000\n@include common-auth\n"),
];
const DENIES: (&str, &str) =
    ("other", "auth required pam_deny.so\nauth required pam_warn.so\naccount required pam_deny.so\n");

fn stacks(files: &[(&str, &str)]) -> Stacks {
    let there = |(name, text): &(&str, &str)| ((*name).to_owned(), ServiceFile::There((*text).to_owned()));
    Stacks { files: files.iter().map(there).collect(), missing_modules: BTreeSet::new() }
}

fn missing(files: &[(&str, &str)], module: &str) -> Stacks {
    Stacks { missing_modules: BTreeSet::from([module.to_owned()]), ..stacks(files) }
}

fn found(stacks: &Stacks, service: &str) -> Vec<Finding> {
    judge(stacks, &BTreeSet::from([service.to_owned()]))
}

#[test]
fn what_debian_installs_is_as_it_must_be() {
    for service in ["smtp", "login", "other"] {
        let found = found(&stacks(&OF_DEBIAN), service);
        assert_eq!(
            found.iter().map(|finding| finding.severity).collect::<Vec<_>>(),
            [Severity::Ok],
            "{found:?}"
        );
    }
}

#[test]
fn a_service_without_a_file_where_other_denies_is_told_how_to_get_one() {
    let red_hat = ("password-auth", "auth required pam_unix.so\n");
    for (files, service_lines) in [
        (vec![DENIES], r"auth required pam_unix.so\naccount"),
        (vec![DENIES, red_hat], r"auth include password-auth\naccount"),
        (vec![DENIES, OF_DEBIAN[1]], r"@include common-auth\n@include"),
        (vec![], r"auth required pam_unix.so\n"),
    ] {
        let found = found(&stacks(&files), "smtp");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        let remedy = found[0].remedy.clone().unwrap_or_default();
        assert!(remedy.contains(service_lines) && remedy.ends_with("> /etc/pam.d/smtp`"), "{remedy}");
    }
}

#[test]
fn a_stack_that_asks_anybody_is_not_told_to_refuse_everybody() {
    for text in [
        "auth required pam_unix.so\nauth required pam_deny.so\n",
        "auth required pam_permit.so\n",
        "auth substack common-auth\nauth required pam_deny.so\n",
        "account required pam_deny.so\n",
    ] {
        let files = [("smtp", text), OF_DEBIAN[0], OF_DEBIAN[1], OF_DEBIAN[2]];
        assert_eq!(found(&stacks(&files), "smtp")[0].severity, Severity::Ok, "{text}");
    }
    let own = [("smtp", "AUTH required pam_deny.so\n"), OF_DEBIAN[0]];
    assert_eq!(found(&stacks(&own), "smtp")[0].severity, Severity::Warning);
    let none = [("smtp", "account required pam_unix.so\n"), DENIES];
    assert_eq!(
        found(&stacks(&none), "smtp")[0].severity,
        Severity::Warning,
        "other is asked for the password"
    );
}

#[test]
fn a_module_that_is_missing_is_told_with_its_package() {
    for (text, module, package) in [
        (
            "auth required pam_mysql.so host=x passwd=secret\n",
            "pam_mysql.so",
            Some("`apt-get install libpam-mysql`"),
        ),
        ("auth [success=1 default=die] \\\n  pam_own.so\n", "pam_own.so", Some("install the package")),
        ("auth include deeper\n", "pam_mysql.so", Some("libpam-mysql")),
        ("-auth sufficient pam_mysql.so\n", "pam_mysql.so", None),
        ("session optional pam_mysql.so\n", "pam_mysql.so", None),
        ("auth optional pam_mysql.so\nauth required pam_unix.so\n", "pam_mysql.so", None),
        ("# auth required pam_mysql.so\n", "pam_mysql.so", None),
        ("account include deeper\n", "pam_mysql.so", None),
    ] {
        let files =
            [("smtp", text), ("deeper", "auth required pam_mysql.so\nauth include smtp\n"), OF_DEBIAN[0]];
        let found = found(&missing(&files, module), "smtp");
        match package {
            Some(package) => {
                assert_eq!(found[0].severity, Severity::Error, "{text}");
                assert!(found[0].to_string().contains(package), "{}", found[0]);
                assert!(!found[0].to_string().contains("secret"), "{}", found[0]);
            }
            None => assert_eq!(found[0].severity, Severity::Ok, "{text}: {}", found[0]),
        }
    }
}

#[test]
fn a_module_without_which_others_still_let_people_in_is_no_error() {
    for control in
        ["sufficient", "[success=1 default=ignore]", "[success=1 module_unknown=ignore default=die]"]
    {
        let smtp = format!("auth {control} pam_mysql.so\nauth required pam_unix.so\n");
        let found = found(&missing(&[("smtp", &smtp)], "pam_mysql.so"), "smtp");
        assert_eq!(found[0].severity, Severity::Warning, "{control}: {}", found[0]);
        let both = format!("{smtp}auth required pam_mysql.so\n");
        let found = judge(&missing(&[("smtp", &both)], "pam_mysql.so"), &BTreeSet::from(["smtp".to_owned()]));
        assert_eq!(found[0].severity, Severity::Error, "{control}: {}", found[0]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let mut stacks = stacks(&OF_DEBIAN);
    stacks.files.insert("smtp".to_owned(), ServiceFile::Unreadable("Permission denied".to_owned()));
    assert_eq!(
        found(&stacks, "smtp")[0].to_string(),
        "error: /etc/pam.d/smtp cannot be read: Permission denied. Remedy: `chmod 0644 /etc/pam.d/smtp`"
    );
}
