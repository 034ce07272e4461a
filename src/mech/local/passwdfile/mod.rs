//! (being written)
#![forbid(unsafe_code)]
use crate::mech::{Mechanism, MechanismError};

/// `-a passwdfile`
pub const MECHANISM: Mechanism = Mechanism {
    name: "passwdfile",
    check: |_| Ok(()),
    start: |_| Err(MechanismError("being written".into())),
};
