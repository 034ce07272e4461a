//! Servers, certificates and a small protocol for the tests of this module.
#![forbid(unsafe_code)]

pub(super) mod certificates;
pub(super) mod line;
pub(super) mod peer;
pub(super) mod rig;
pub(super) mod talk;
