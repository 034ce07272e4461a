//! Files that the libraries themselves have made, read to the last entry; and files that nobody would make.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::*;
use crate::simulation::Random;
use crate::skipped;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn below(random: &mut Random, limit: usize) -> usize {
    random.below(limit as u64) as usize
}

/// Keys of all lengths, values of up to `longest` bytes.
fn entries(count: usize, longest: usize) -> Entries {
    let mut random = Random(count as u64);
    let value =
        |random: &mut Random| (0..below(random, longest + 1)).map(|_| below(random, 256) as u8).collect();
    (0..count)
        .map(|number| (format!("user{number}\0example.org\0userPassword").into_bytes(), value(&mut random)))
        .collect()
}

fn read(file: &[u8]) -> Result<Entries, NotRead> {
    let mut found = Entries::new();
    walk(file, &mut |key, value| assert!(found.insert(key.to_vec(), value.to_vec()).is_none()))?;
    Ok(found)
}

/// As the programs that load databases take them.
fn dump(header: &str, entries: &Entries) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            _ = write!(text, "{byte:02x}");
            text
        })
    };
    let lines = entries.iter().map(|(key, value)| format!(" {}\n {}\n", hex(key), hex(value)));
    format!("{header}HEADER=END\n{}DATA=END\n", lines.collect::<String>())
}

/// Whether the program is there; it gets `input`.
fn run(program: &str, arguments: &[&str], input: &str) -> bool {
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut child) = child else { return false };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program} {arguments:?}");
    true
}

const SIZES: [(usize, usize); 6] = [(0, 0), (1, 10), (10, 9000), (1000, 200), (300, 20_000), (20_000, 20)];

#[test]
fn a_hash_of_berkeley_db_is_read_as_it_was_loaded_in_both_orders_of_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    for (order, page_size) in [(1234, 4096), (4321, 4096), (1234, 512), (4321, 65536)] {
        let many = (order == 1234 && page_size == 4096).then_some((200_000, 20));
        for (count, longest) in SIZES.into_iter().chain(many) {
            let entries = entries(count, longest);
            let header = format!(
                "VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={order}\ndb_pagesize={page_size}\n"
            );
            _ = fs::remove_file(&path);
            if !run("db5.3_load", &[path.to_str().unwrap()], &dump(&header, &entries)) {
                return skipped::note("a_hash_of_berkeley_db_is_read_as_it_was_loaded", "needs db5.3_load");
            }
            let file = fs::read(&path).unwrap();
            assert_eq!(format_of(&file), Ok(Format::Berkeley));
            assert!(read(&file) == Ok(entries), "{order} {page_size} {count}");
        }
    }
}

#[test]
fn other_files_of_berkeley_db_are_named_for_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let header = "VERSION=3\nformat=bytevalue\ntype=btree\n";
    if !run("db5.3_load", &[path.to_str().unwrap()], &dump(header, &entries(3, 10))) {
        return skipped::note("other_files_of_berkeley_db_are_named", "needs db5.3_load");
    }
    let told = read(&fs::read(&path).unwrap()).unwrap_err().to_string();
    assert_eq!(told, "it is a Berkeley DB btree file; sasldb is a hash");
}

#[test]
fn a_file_of_lmdb_is_read_as_it_was_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    // Keys of at most 511 bytes; a map that is large enough for all of them.
    let header = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=1073741824\n";
    for (count, longest) in SIZES {
        let entries = entries(count, longest);
        _ = fs::remove_file(&path);
        if !run("mdb_load", &["-n", path.to_str().unwrap()], &dump(header, &entries)) {
            return skipped::note("a_file_of_lmdb_is_read_as_it_was_loaded", "needs mdb_load");
        }
        let file = fs::read(&path).unwrap();
        assert_eq!(format_of(&file), Ok(Format::Lmdb));
        assert!(read(&file) == Ok(entries), "{count}");
    }
}

/// gdbm has no program that loads bytes, so a few lines of C do it.
const GDBM_LOAD: &str = r#"
#include <gdbm.h>
#include <stdio.h>
#include <stdlib.h>
static datum read_one(void) {
    unsigned length;
    datum bytes = {0, 0};
    if (fread(&length, sizeof length, 1, stdin) != 1) return bytes;
    bytes.dptr = malloc(length + 1);
    bytes.dsize = length;
    if (fread(bytes.dptr, 1, length, stdin) != length) exit(2);
    return bytes;
}
int main(int count, char **arguments) {
    int flags = GDBM_NEWDB | (count > 2 ? GDBM_NUMSYNC : 0);
    GDBM_FILE file = gdbm_open(arguments[1], 0, flags, 0600, 0);
    if (!file) return 1;
    for (;;) {
        datum key = read_one(), value;
        if (!key.dptr) break;
        value = read_one();
        if (gdbm_store(file, key, value, GDBM_INSERT)) return 3;
    }
    gdbm_close(file);
    return 0;
}
"#;

fn gdbm_loader(directory: &Path) -> Option<String> {
    let (source, program) = (directory.join("load.c"), directory.join("load"));
    fs::write(&source, GDBM_LOAD).unwrap();
    let arguments = [source.to_str()?, "-o", program.to_str()?, "-lgdbm"];
    let output = Command::new("cc").args(arguments).output().ok()?;
    output.status.success().then(|| program.to_str().unwrap().to_owned())
}

#[test]
fn a_file_of_gdbm_is_read_as_it_was_written_in_both_formats() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let Some(program) = gdbm_loader(directory.path()) else {
        return skipped::note("a_file_of_gdbm_is_read_as_it_was_written", "needs cc and libgdbm-dev");
    };
    for format in [&[][..], &["numsync"]] {
        for (count, longest) in SIZES {
            let entries = entries(count, longest);
            let mut input = Vec::new();
            for part in entries.iter().flat_map(|(key, value)| [key, value]) {
                input.extend_from_slice(&(part.len() as u32).to_ne_bytes());
                input.extend_from_slice(part);
            }
            let mut child =
                Command::new(&program).arg(&path).args(format).stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&input).unwrap();
            assert!(child.wait().unwrap().success());
            let file = fs::read(&path).unwrap();
            assert_eq!(format_of(&file), Ok(Format::Gdbm));
            assert!(read(&file) == Ok(entries), "{format:?} {count}");
        }
    }
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    for (file, told) in [
        (&b""[..], "it is empty"),
        (b"anna:x\n", "it should be a Berkeley DB hash, gdbm or lmdb file and is something else"),
        (&[0; 4096], "it should be a Berkeley DB hash, gdbm or lmdb file and is something else"),
        (b"SQLite format 3\0", "it should be a Berkeley DB hash, gdbm or lmdb file and is an SQLite file"),
    ] {
        assert_eq!(read(file).unwrap_err().to_string(), told);
    }
}

/// Small files of each format, for changing them.
fn samples() -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let name = path.to_str().unwrap();
    let entries = entries(30, 3000);
    let mut samples = Vec::new();
    for order in [1234, 4321] {
        let header = format!("VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={order}\ndb_pagesize=512\n");
        if run("db5.3_load", &[name], &dump(&header, &entries)) {
            samples.push(fs::read(&path).unwrap());
            fs::remove_file(&path).unwrap();
        }
    }
    if run("mdb_load", &["-n", name], &dump("VERSION=3\nformat=bytevalue\ntype=btree\n", &entries)) {
        samples.push(fs::read(&path).unwrap());
    }
    samples
}

#[test]
fn however_a_file_is_changed_or_cut_it_is_read_in_bounded_time_or_refused() {
    let samples = samples();
    if samples.len() < 3 {
        skipped::note("however_a_file_is_changed_or_cut", "needs db5.3_load and mdb_load");
    }
    let mut random = Random(7);
    for sample in samples {
        for _ in 0..3000 {
            let mut file = sample.clone();
            for _ in 0..=below(&mut random, 4) {
                let place = below(&mut random, file.len());
                file[place] = [0, 1, 0xFF, below(&mut random, 256) as u8][below(&mut random, 4)];
            }
            if below(&mut random, 4) == 0 {
                file.truncate(below(&mut random, file.len()));
            }
            let mut bytes = 0;
            _ = walk(&file, &mut |key, value| bytes += key.len() + value.len());
            assert!(bytes <= file.len(), "{bytes}");
        }
    }
}

/// Numbers at their places of a file that is otherwise zeros.
fn file_of(length: usize, numbers: &[(usize, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; length];
    for (place, bytes) in numbers {
        file[*place..*place + bytes.len()].copy_from_slice(bytes);
    }
    file
}

/// Each has a thousand entries, all of them the same hundred thousand bytes.
#[test]
fn entries_that_lie_upon_each_other_are_not_read_over_and_over() {
    let (page, length) = (4096, 4096 * 100_usize);
    let entries = 1000_usize;
    let native = |number: usize| (number as u32).to_ne_bytes();
    let bucket = 112 + 24 * entries;
    let mut gdbm = file_of(
        length,
        &[
            (0, &0x1357_9acf_u32.to_ne_bytes()),
            (8, &200_u64.to_ne_bytes()),
            (16, &native(8)),
            (24, &native(bucket)),
            (28, &native(entries)),
            (200, &1000_u64.to_ne_bytes()),
        ],
    );
    for number in 0..entries {
        let entry = 1000 + 112 + 24 * number;
        gdbm[entry + 16..entry + 20].copy_from_slice(&native(100));
        gdbm[entry + 20..entry + 24].copy_from_slice(&native(100_000));
    }
    let mut berkeley = file_of(
        length,
        &[
            (12, &0x0006_1561_u32.to_le_bytes()),
            (16, &9_u32.to_le_bytes()),
            (20, &(page as u32).to_le_bytes()),
            (page + 20, &300_u16.to_le_bytes()),
            (page + 25, &[2]),
        ],
    );
    for item in 0..300 {
        // Of twelve bytes each: it is on overflow pages, from the second page on, which is its own successor.
        let place = page - 12 * (item + 1);
        let offset = page + 26 + 2 * item;
        berkeley[offset..offset + 2].copy_from_slice(&(place as u16).to_le_bytes());
        berkeley[page + place] = 3;
        berkeley[page + place + 4..page + place + 8].copy_from_slice(&2_u32.to_le_bytes());
        berkeley[page + place + 8..page + place + 12].copy_from_slice(&100_000_u32.to_le_bytes());
    }
    let overflow = 2 * page;
    berkeley[overflow + 16..overflow + 20].copy_from_slice(&2_u32.to_le_bytes());
    berkeley[overflow + 22..overflow + 24].copy_from_slice(&4000_u16.to_le_bytes());
    berkeley[overflow + 25] = 7;
    for (file, format) in [(gdbm, "gdbm"), (berkeley, "Berkeley DB hash")] {
        let mut bytes = 0;
        let told = walk(&file, &mut |key, value| bytes += key.len() + value.len()).unwrap_err().to_string();
        assert_eq!(told, format!("it is a damaged {format} file: its entries lie upon each other"));
        assert!(bytes > 0 && bytes <= file.len(), "{bytes}");
    }
}
