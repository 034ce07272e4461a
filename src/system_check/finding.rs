//! What a look at the system comes to: one line for a person, with the remedy.
#![forbid(unsafe_code)]

use std::fmt;

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a full stop. Never shows a secret.
    pub text: String,
    /// What is to be done, without a full stop; commands stand between backquotes.
    pub remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It was looked at, and is as it must be.
    Ok,
    /// It works, or only may not.
    Warning,
    /// Something will not work.
    Error,
}

impl Finding {
    /// Something is as it must be.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, text: text.into(), remedy: None }
    }

    /// Something may not be as it was meant.
    pub fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// Something will not work.
    pub fn error(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Error, text: text.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(formatter, "{severity}: {}", self.text)?;
        match &self.remedy {
            Some(remedy) => write!(formatter, ". Remedy: {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_remedy() {
        assert_eq!(Finding::ok("all is well").to_string(), "ok: all is well");
        assert_eq!(
            Finding::error("postfix cannot get in", "`adduser postfix sasl`").to_string(),
            "error: postfix cannot get in. Remedy: `adduser postfix sasl`"
        );
        assert_eq!(Finding::warning("a", "b").to_string(), "warning: a. Remedy: b");
    }
}
