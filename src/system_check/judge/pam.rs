//! The PAM services of logins: whether they have a file, whether that lets anybody in, whether its modules are there.
#![forbid(unsafe_code)]

use crate::mechanism::pam::stacks::{Absence, FALLBACK, Line, ServiceFile, Stacks};
use crate::system_check::finding::Finding;
use std::collections::BTreeSet;

/// What is to be said of these services.
pub fn judge(stacks: &Stacks, services: &BTreeSet<String>) -> Vec<Finding> {
    services.iter().flat_map(|service| judge_service(stacks, service)).collect()
}

fn judge_service(stacks: &Stacks, service: &str) -> Vec<Finding> {
    let name = match stacks.files.get(service) {
        Some(ServiceFile::Unreadable(reason)) => {
            return vec![Finding::error(
                format!("/etc/pam.d/{service} cannot be read: {reason}"),
                match reason.contains("Permission denied") {
                    true => format!("`chmod 0644 /etc/pam.d/{service}`"),
                    false => "put a file in its place that can be read, or take it away".to_owned(),
                },
            )];
        }
        Some(ServiceFile::There(_)) => service,
        None if stacks.files.contains_key(FALLBACK) => FALLBACK,
        None if service == FALLBACK => {
            return vec![Finding::error(
                format!(
                    "no service that clients usually name has a file in /etc/pam.d, nor is there a file {FALLBACK}"
                ),
                making(stacks, service),
            )];
        }
        None => {
            return vec![Finding::error(
                format!(
                    "neither /etc/pam.d/{service} nor /etc/pam.d/{FALLBACK} exists, so nobody can log in"
                ),
                making(stacks, service),
            )];
        }
    };
    let lines = stacks.lines(name);
    let missing = missing_of(stacks, name, &lines);
    if !missing.is_empty() {
        return missing;
    }
    vec![match stacks.refuses_everybody(&lines) {
        true if name == service => Finding::warning(
            format!("/etc/pam.d/{service} refuses everybody"),
            format!("unless that is meant: {}", making(stacks, service)),
        ),
        true => Finding::error(
            format!(
                "/etc/pam.d/{service} does not exist, and /etc/pam.d/{name}, which counts instead, refuses everybody"
            ),
            making(stacks, service),
        ),
        false if name == service => {
            Finding::ok(format!("/etc/pam.d/{service} is there, and so are its modules"))
        }
        false => {
            Finding::ok(format!("/etc/pam.d/{service} does not exist; /etc/pam.d/{name} decides instead"))
        }
    }]
}

fn missing_of(stacks: &Stacks, name: &str, lines: &[Line]) -> Vec<Finding> {
    let counts = |line: &&Line| {
        matches!(line.kind.as_str(), "auth" | "account")
            && line.absence != Absence::IsNoFault
            && stacks.missing_modules.contains(&line.module)
    };
    let missing: BTreeSet<_> = lines.iter().filter(counts).map(|line| line.module.as_str()).collect();
    let refuses = |module: &str| {
        let mut lines = lines.iter().filter(counts).filter(|line| line.module == module);
        lines.any(|line| line.absence == Absence::Refuses)
    };
    let finding = |module: &str| {
        let text = format!("the module {module}, which /etc/pam.d/{name} asks, is not installed");
        let remedy = match package_of(module) {
            Some(package) => format!("`apt-get install {package}`, or take the line out"),
            None => "install the package that has it, or take the line out".to_owned(),
        };
        match refuses(module) {
            true => Finding::error(format!("{text}, which counts as a refusal"), remedy),
            false => Finding::warning(format!("{text}, and PAM goes on without it"), remedy),
        }
    };
    missing.into_iter().map(finding).collect()
}

/// Makes the service one that asks what the other services of the system ask.
fn making(stacks: &Stacks, service: &str) -> String {
    let lines = if stacks.files.contains_key("common-auth") {
        r"@include common-auth\n@include common-account\n"
    } else if stacks.files.contains_key("password-auth") {
        r"auth include password-auth\naccount include password-auth\n"
    } else if stacks.files.contains_key("system-auth") {
        r"auth include system-auth\naccount include system-auth\n"
    } else {
        r"auth required pam_unix.so\naccount required pam_unix.so\n"
    };
    format!("`printf '{lines}' > /etc/pam.d/{service}`")
}

/// What the services of a system usually include, to be looked at so that a remedy can include it, too.
pub const USUALLY_INCLUDED: [&str; 3] = ["common-auth", "password-auth", "system-auth"];

/// Where Debian has it.
fn package_of(module: &str) -> Option<&'static str> {
    let packages = [
        ("pam_ldap.so", "libpam-ldapd"),
        ("pam_krb5.so", "libpam-krb5"),
        ("pam_mysql.so", "libpam-mysql"),
        ("pam_pgsql.so", "libpam-pgsql"),
        ("pam_pwdfile.so", "libpam-pwdfile"),
        ("pam_radius_auth.so", "libpam-radius-auth"),
        ("pam_sss.so", "libpam-sss"),
        ("pam_winbind.so", "libpam-winbind"),
    ];
    packages.iter().find(|(name, _)| *name == module).map(|(_, package)| *package)
}

#[cfg(test)]
#[path = "pam_tests.rs"]
#[allow(clippy::indexing_slicing)]
mod tests;
