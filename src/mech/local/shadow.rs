//! (being written)
#![forbid(unsafe_code)]
use crate::mech::{Mechanism, MechanismError};

/// `-a shadow`
pub const MECHANISM: Mechanism =
    Mechanism { name: "shadow", check: |_| Ok(()), start: |_| Err(MechanismError("being written".into())) };
