//! How requests end, by number and name: RFC 4511, section 4.1.9, and appendix A.
#![forbid(unsafe_code)]

use std::fmt;

/// A result code; servers may use others than those named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultCode(pub i32);

/// Shown as `invalidCredentials (49)`.
impl fmt::Display for ResultCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(formatter, "{name} ({})", self.0),
            None => write!(formatter, "result code {}", self.0),
        }
    }
}

impl ResultCode {
    /// The name in the standard.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
    }
}

macro_rules! result_codes {
    ($($number:literal $constant:ident $name:literal;)*) => {
        impl ResultCode {
            $(#[doc = $name] pub const $constant: Self = Self($number);)*
        }

        pub(super) const NAMES: &[(ResultCode, &str)] = &[$((ResultCode::$constant, $name)),*];
    };
}

result_codes! {
    0 SUCCESS "success";
    1 OPERATIONS_ERROR "operationsError";
    2 PROTOCOL_ERROR "protocolError";
    3 TIME_LIMIT_EXCEEDED "timeLimitExceeded";
    4 SIZE_LIMIT_EXCEEDED "sizeLimitExceeded";
    5 COMPARE_FALSE "compareFalse";
    6 COMPARE_TRUE "compareTrue";
    7 AUTH_METHOD_NOT_SUPPORTED "authMethodNotSupported";
    8 STRONGER_AUTH_REQUIRED "strongerAuthRequired";
    10 REFERRAL "referral";
    11 ADMIN_LIMIT_EXCEEDED "adminLimitExceeded";
    12 UNAVAILABLE_CRITICAL_EXTENSION "unavailableCriticalExtension";
    13 CONFIDENTIALITY_REQUIRED "confidentialityRequired";
    14 SASL_BIND_IN_PROGRESS "saslBindInProgress";
    16 NO_SUCH_ATTRIBUTE "noSuchAttribute";
    17 UNDEFINED_ATTRIBUTE_TYPE "undefinedAttributeType";
    18 INAPPROPRIATE_MATCHING "inappropriateMatching";
    19 CONSTRAINT_VIOLATION "constraintViolation";
    20 ATTRIBUTE_OR_VALUE_EXISTS "attributeOrValueExists";
    21 INVALID_ATTRIBUTE_SYNTAX "invalidAttributeSyntax";
    32 NO_SUCH_OBJECT "noSuchObject";
    33 ALIAS_PROBLEM "aliasProblem";
    34 INVALID_DN_SYNTAX "invalidDNSyntax";
    36 ALIAS_DEREFERENCING_PROBLEM "aliasDereferencingProblem";
    48 INAPPROPRIATE_AUTHENTICATION "inappropriateAuthentication";
    49 INVALID_CREDENTIALS "invalidCredentials";
    50 INSUFFICIENT_ACCESS_RIGHTS "insufficientAccessRights";
    51 BUSY "busy";
    52 UNAVAILABLE "unavailable";
    53 UNWILLING_TO_PERFORM "unwillingToPerform";
    54 LOOP_DETECT "loopDetect";
    64 NAMING_VIOLATION "namingViolation";
    65 OBJECT_CLASS_VIOLATION "objectClassViolation";
    66 NOT_ALLOWED_ON_NON_LEAF "notAllowedOnNonLeaf";
    67 NOT_ALLOWED_ON_RDN "notAllowedOnRDN";
    68 ENTRY_ALREADY_EXISTS "entryAlreadyExists";
    69 OBJECT_CLASS_MODS_PROHIBITED "objectClassModsProhibited";
    71 AFFECTS_MULTIPLE_DSAS "affectsMultipleDSAs";
    80 OTHER "other";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shown_by_the_name_in_the_standard() {
        assert_eq!(ResultCode(49).to_string(), "invalidCredentials (49)");
        assert_eq!(ResultCode(0).to_string(), "success (0)");
        assert_eq!(ResultCode(4096).to_string(), "result code 4096");
        assert_eq!(ResultCode(-1).to_string(), "result code -1");
    }
}
