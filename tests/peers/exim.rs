//! Exim, whose program the tests run in a root directory of its own. With its own client of the mux it is in tests/system.

pub(super) mod chroot;

pub use chroot::EXIM;
