//! (being written)
#![forbid(unsafe_code)]
use crate::mech::{Mechanism, MechanismError};

/// `-a pam`
pub const MECHANISM: Mechanism =
    Mechanism { name: "pam", check: |_| Ok(()), start: |_| Err(MechanismError("being written".into())) };
