//! Drives the real binaries.
#![forbid(unsafe_code)]

mod peers;
