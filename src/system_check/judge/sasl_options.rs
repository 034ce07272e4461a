//! Options of libsasl: whether it asks saslauthd at all, where, and by which mechanisms clients log in.
#![forbid(unsafe_code)]

use super::client::lines;
use crate::system_check::finding::Finding;
use crate::system_check::shell_word::shell_word;
use std::path::{Path, PathBuf};

/// A file with options of libsasl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// What is in it; `None` if there is no such file, or if it cannot be read.
    pub text: Option<String>,
    /// Why it cannot be read, if it is there.
    pub unreadable: Option<String>,
    /// What stands before each key: `sasl_` in imapd.conf.
    pub prefix: &'static str,
    /// Whether libsasl has mechanisms installed that need the plain password or a secret of their own.
    pub has_other_mechanisms: bool,
}

/// What hashes and challenges can go through saslauthd: none, it is given passwords.
const WITH_PASSWORDS: [&str; 2] = ["PLAIN", "LOGIN"];

impl OptionsFile {
    /// The value of an option.
    pub fn value(&self, key: &str) -> Option<&str> {
        let text = self.text.as_deref()?;
        lines(text).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name = name.trim().strip_prefix(self.prefix)?;
            name.eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }

    /// Whether libsasl asks saslauthd.
    pub fn asks_saslauthd(&self) -> bool {
        let methods = self.value("pwcheck_method").unwrap_or_default();
        methods.split_whitespace().any(|method| method.eq_ignore_ascii_case("saslauthd"))
    }

    /// Where libsasl connects to, if the file says so.
    pub fn socket(&self) -> Option<&Path> {
        self.value("saslauthd_path").map(Path::new)
    }

    /// Whether it names another method, which somebody has chosen.
    pub fn asks_somebody_else(&self) -> bool {
        self.value("pwcheck_method").is_some() && !self.asks_saslauthd()
    }

    /// What is wrong with it for `program`.
    pub fn judge(&self, program: &str) -> Vec<Finding> {
        match self.judge_method(program) {
            Some(finding) => vec![finding],
            None => self.judge_mechanisms(program).into_iter().collect(),
        }
    }

    fn judge_method(&self, program: &str) -> Option<Finding> {
        let (path, word) = (self.path.display(), shell_word(&self.path.to_string_lossy()));
        let prefix = self.prefix;
        if let Some(reason) = &self.unreadable {
            return Some(Finding::warning(
                format!(
                    "whether {program} asks saslauthd is not known, since {path} cannot be read: {reason}"
                ),
                match reason.contains("Permission denied") {
                    true => "run this as root",
                    false => "put a file in its place that can be read",
                },
            ));
        }
        if self.text.is_none() {
            return Some(Finding::error(
                format!("{path} is missing, and without it {program} does not ask saslauthd"),
                format!(r"`printf 'pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n' > {word}`"),
            ));
        }
        match self.value("pwcheck_method") {
            None => Some(Finding::error(
                format!(
                    "{path} has no {prefix}pwcheck_method, and without it {program} does not ask saslauthd"
                ),
                format!("`echo '{prefix}pwcheck_method: saslauthd' >> {word}`"),
            )),
            Some(method) if self.asks_somebody_else() => Some(Finding::warning(
                format!("{path} says {prefix}pwcheck_method: {method}, so {program} does not ask saslauthd"),
                format!("unless that is meant: `{}`", self.replacement("pwcheck_method", "saslauthd")),
            )),
            Some(_) => None,
        }
    }

    fn judge_mechanisms(&self, program: &str) -> Option<Finding> {
        let methods = self.value("pwcheck_method").unwrap_or_default().to_ascii_lowercase();
        if methods.contains("auxprop") {
            return None;
        }
        let (path, word) = (self.path.display(), shell_word(&self.path.to_string_lossy()));
        let prefix = self.prefix;
        let Some(list) = self.value("mech_list") else {
            return self.has_other_mechanisms.then(|| {
                Finding::warning(
                    format!(
                        "{path} has no {prefix}mech_list, so {program} also offers mechanisms such as CRAM-MD5 that \
                         saslauthd cannot check, and clients prefer them"
                    ),
                    format!("`echo '{prefix}mech_list: PLAIN LOGIN' >> {word}`"),
                )
            });
        };
        let is_other = |name: &&str| {
            !WITH_PASSWORDS.iter().any(|known| name.eq_ignore_ascii_case(known))
                && !["EXTERNAL", "ANONYMOUS", "GSSAPI", "GS2-KRB5", "GSS-SPNEGO", "XOAUTH2", "OAUTHBEARER"]
                    .iter()
                    .any(|independent| name.eq_ignore_ascii_case(independent))
        };
        let others: Vec<_> = list.split_whitespace().filter(is_other).collect();
        (!others.is_empty()).then(|| {
            Finding::warning(
                format!(
                    "{path} offers {} to clients of {program}, and saslauthd can only check PLAIN and LOGIN",
                    others.join(", ")
                ),
                format!("`{}`", self.replacement("mech_list", "PLAIN LOGIN")),
            )
        })
    }

    fn replacement(&self, key: &str, value: &str) -> String {
        let word = shell_word(&self.path.to_string_lossy());
        format!("sed -i 's/^[[:space:]]*{0}{key}[[:space:]]*:.*/{0}{key}: {value}/I' {word}", self.prefix)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::system_check::finding::Severity;

    fn file(text: Option<&str>, prefix: &'static str) -> OptionsFile {
        let text = text.map(str::to_owned);
        OptionsFile {
            path: "/etc/postfix/sasl/smtpd.conf".into(),
            text,
            unreadable: None,
            prefix,
            has_other_mechanisms: true,
        }
    }

    #[test]
    fn a_file_as_it_must_be_gives_no_finding() {
        for text in [
            "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n",
            "# pwcheck_method: auxprop\n PwCheck_Method :saslauthd\nmech_list: plain login\n",
            "pwcheck_method: auxprop saslauthd\nmech_list: CRAM-MD5 PLAIN\n",
            "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN GSSAPI\n",
        ] {
            assert_eq!(file(Some(text), "").judge("smtpd"), [], "{text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_told_to_be_overwritten() {
        let unreadable = OptionsFile { unreadable: Some("Permission denied".into()), ..file(None, "") };
        let found = unreadable.judge("smtpd");
        assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
        assert_eq!(found[0].remedy.as_deref(), Some("run this as root"));
    }

    #[test]
    fn each_mistake_has_its_remedy() {
        let path = "/etc/postfix/sasl/smtpd.conf";
        for (text, severity, told, remedy) in [
            (None, Severity::Error, "is missing", "> /etc/postfix/sasl/smtpd.conf"),
            (
                Some("mech_list: PLAIN\n"),
                Severity::Error,
                "has no pwcheck_method",
                "echo 'pwcheck_method: saslauthd' >>",
            ),
            (Some("pwcheck_method: auxprop\n"), Severity::Warning, "pwcheck_method: auxprop", "sed -i"),
            (
                Some("pwcheck_method: saslauthd\n"),
                Severity::Warning,
                "has no mech_list",
                "mech_list: PLAIN LOGIN' >>",
            ),
            (
                Some("pwcheck_method: saslauthd\nmech_list: PLAIN DIGEST-MD5 CRAM-MD5\n"),
                Severity::Warning,
                "offers DIGEST-MD5, CRAM-MD5 to clients",
                "mech_list: PLAIN LOGIN/",
            ),
        ] {
            let found = file(text, "").judge("smtpd");
            assert_eq!(found.len(), 1, "{text:?}");
            assert_eq!(found[0].severity, severity, "{text:?}");
            assert!(found[0].text.contains(told) && found[0].text.contains(path), "{}", found[0]);
            assert!(found[0].remedy.as_ref().is_some_and(|text| text.contains(remedy)), "{}", found[0]);
        }
    }

    #[test]
    fn keys_of_imapd_conf_have_their_prefix() {
        let own = file(
            Some("pwcheck_method: x\nsasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: /a/mux\n"),
            "sasl_",
        );
        assert!(own.asks_saslauthd());
        assert_eq!(own.socket(), Some(Path::new("/a/mux")));
    }

    #[test]
    fn without_other_mechanisms_there_is_no_list_to_miss() {
        let mut file = file(Some("pwcheck_method: saslauthd\n"), "");
        file.has_other_mechanisms = false;
        assert_eq!(file.judge("smtpd"), []);
    }
}
