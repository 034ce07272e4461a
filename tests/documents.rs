//! What the documents show is what the programs take.

use crate::support::Program;
use crate::support::command::run;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[path = "../benches/pictures/mod.rs"]
mod pictures;

/// A file of this source tree.
pub fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_settings_in_the_documents_pass_the_check() {
    let blocks: Vec<_> = ["README.md", "docs/ADMINISTRATION.md", "docs/MIGRATING.md"]
        .iter()
        .flat_map(|document| fenced(&source(document), "conf"))
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let directory = TempDir::new().unwrap();
        let logins = private_file(&directory, "users", "anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n");
        let block = block.replace("/etc/mail/users", logins.to_str().unwrap());
        let file = private_file(&directory, "saslauthd.conf", &block);
        let mut command = Command::new(Program::Ours.daemon());
        command.arg("--check").arg("--config").arg(&file);
        let told = run(command);
        assert_eq!((told.code, told.errors.as_str()), (Some(0), ""), "{}\n{block}", told.output);
    }
}

/// The fenced blocks of this language.
fn fenced(document: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    document.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn private_file(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn the_manual_page_has_every_flag_of_the_help_and_no_other() {
    let page = source("man/saslauthd.8");
    let mut described: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with(".It Fl "))
        .map(|line| line.replace("Fl Fl ", "--").replace("Fl ", "-"))
        .flat_map(|line| {
            line.split(' ').filter(|word| word.starts_with('-')).map(str::to_owned).collect::<Vec<_>>()
        })
        // The help names this old spelling with the new one.
        .filter(|flag| flag != "-H")
        .collect();
    let mut helped = flags_of_the_help(&Program::Ours.daemon(), "-h");
    described.sort();
    helped.sort();
    assert_eq!(described, helped);
}

#[test]
fn the_pictures_are_those_of_the_tables() {
    let document = source("docs/PERFORMANCE.md");
    let drawn = pictures::of(&document);
    assert!(drawn.len() > 10, "{}", drawn.len());
    for (name, picture) in &drawn {
        assert!(source(&format!("docs/pictures/{name}")) == *picture, "{name}: run `make pictures`");
        assert!(document.contains(&format!("](pictures/{name})")), "{name} is not shown");
    }
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures")).unwrap();
    assert_eq!(files.count(), drawn.len());
}

#[test]
fn a_picture_says_what_its_table_says() {
    let table = "\n### Speed (`-a pam`)\n\n| clients | server | requests/s | p50 µs | CPU µs/request |\n|--:|---|--:|--:|--:|\n\
        | 1 | ours | 12,048 (1–2) | 1 | 36.1 |\n| 1 | C | 624 | 1 | 67.8 |\n| 1 | **ours/C** | 1.13 | 1 | 0.53 |\n";
    let drawn = pictures::of(table);
    let [(name, picture)] = drawn.as_slice() else { panic!("{}", drawn.len()) };
    assert_eq!(name, "speed-a-pam.svg");
    let told = "<desc id=\"desc\">Logins per second (more is better): 1 client: ours 12,048, C 624. CPU time of a login in µs \
        (less is better): 1 client: ours 36.1, C 67.8.</desc>";
    assert!(picture.contains(told), "{picture}");
    assert_eq!(picture.matches("class=\"ours\"").count(), 2);
    assert_eq!(picture.matches("class=\"other\"").count(), 2);
}

/// They are what a promise rests on: one that is renamed or taken away must not go unnoticed.
#[test]
fn the_tests_that_the_documents_name_are_there() {
    let mut declared = String::new();
    for folder in ["src", "tests", "fuzz"] {
        read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut declared);
    }
    for (document, least) in
        [("docs/CVES.md", 40), ("docs/THREAT-MODEL.md", 40), ("docs/ARCHITECTURE.md", 10)]
    {
        let text = source(document);
        let is_test = |name: &&str| {
            name.matches('_').count() > 2
                && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let named: Vec<_> = text.split('`').filter(is_test).collect();
        assert!(named.len() > least, "{document}: {}", named.len());
        // The intruder's are in a list, since it has a `main` of its own.
        let forms = |name: &str| [format!("fn {name}("), format!("fn {name}<"), format!("(\"{name}\", ")];
        let missing: Vec<_> =
            named.iter().filter(|name| !forms(name).iter().any(|form| declared.contains(form))).collect();
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:?}");
    }
}

#[test]
fn the_files_that_the_documents_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> =
        fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents
        .extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name)));
    let mut found = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        // Between backquotes from the root of the sources, in links from the document.
        let folders = ["src/", "tests/", "contrib/", "fuzz/", "man/", "docs/", "vendor/"];
        let quoted = text.split('`').filter(|part| folders.iter().any(|folder| part.starts_with(folder)));
        let quoted = quoted.filter(|part| !part.contains([' ', '*', '\n'])).map(|path| root.join(path));
        let links = text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
        let links = links.filter(|link| !link.is_empty() && !link.contains(':'));
        let links = links.map(|link| document.with_file_name(link));
        for path in quoted.chain(links) {
            assert!(path.exists(), "{} names {}", document.display(), path.display());
            found += 1;
        }
    }
    assert!(found > 100, "{found}");
}

/// Adds the text of all Rust files in the folder.
fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            read_all(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_readme_is_short() {
    assert!(source("README.md").lines().count() <= 130);
}

/// The flags that the lines of a program's help begin with.
pub fn flags_of_the_help(program: &Path, flag: &str) -> Vec<String> {
    let mut command = Command::new(program);
    command.arg(flag);
    let told = run(command);
    let text = told.output + &told.errors;
    let lines = text.lines().filter(|line| line.starts_with("  -"));
    lines
        .flat_map(|line| line.trim().split("  ").next().unwrap().split(", "))
        .filter(|flag| flag.starts_with('-'))
        .map(|flag| flag.split([' ', '=', '[']).next().unwrap().to_owned())
        .collect()
}
