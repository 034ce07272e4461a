//! Every committed input, and every beginning of it, passes its check: without libFuzzer, so everywhere.

use saslauthd_fuzz::CHECKS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn every_check_has_inputs_and_a_target() {
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let checks: BTreeSet<_> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder()), checks);
    assert_eq!(names(&folder().with_file_name("fuzz_targets")), checks);
}

#[test]
fn every_input_and_every_beginning_of_it_passes_its_check() {
    for (name, check) in CHECKS {
        for entry in fs::read_dir(folder().join(name)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            println!("{}", path.display());
            // What is repeated is repeated in all of them, which takes long.
            let cut = bytes.len().min(400);
            (0..cut).step_by(3).for_each(|length| check(&bytes[..length]));
            check(&bytes);
        }
    }
}

/// For the report of coverage; the folder is that of `make fuzz`.
#[test]
fn every_input_that_fuzzing_has_kept_passes_its_check() {
    let Some(found) = std::env::var_os("SASLAUTHD_FUZZ_FOUND").filter(|found| !found.is_empty()) else {
        return;
    };
    for (name, check) in CHECKS {
        for entry in fs::read_dir(Path::new(&found).join(name)).into_iter().flatten() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&fs::read(&path).unwrap());
        }
    }
}
