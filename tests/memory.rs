//! What an idle process takes that it has no need of.

use crate::support::Program;
use std::process::Command;

/// Seven processes map what the program is linked with, and each has pages of its own of it. The dynamic loader is asked, since
/// modules of NSS and PAM may bring libraries of theirs.
#[test]
fn no_process_maps_a_library_that_the_program_can_do_without() {
    let loader = Command::new(Program::Ours.daemon()).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
    let told = String::from_utf8(loader.stdout).unwrap();
    assert!(told.contains("libpam.so"), "{told}");
    for library in ["libm.so", "libcrypto.so", "libssl.so", "libkrb5.so", "libpq.so"] {
        assert!(!told.contains(library), "{library}: {told}");
    }
}
