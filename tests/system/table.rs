//! The table in docs/PROGRAMS.md, which has to say what was seen.

use crate::trial::{Program, Realm};

const TABLE: &str = include_str!("../../docs/PROGRAMS.md");

/// What a machine prints before what it saw.
const MARK: &str = "seen: ";

/// What is told of each daemon, in this order.
const SUBJECTS: [&str; 6] = ["yes", "no", "worker killed", "stopped", "PAM cannot tell", "300 bytes"];

/// Tells the test outside what was seen on this machine.
pub fn print(subject: &str, text: &str) {
    println!("{MARK}{subject}: {text}");
}

/// Compares what was seen on both machines with the program's row, but for the version.
pub fn compare<P: Program>(c: Option<&str>, ours: &str) {
    let version = seen(ours, "version").expect("the version was printed");
    let of_c = c.map_or_else(|| "cannot".to_owned(), |c| words(c, c));
    let of_ours = words(ours, c.unwrap_or(ours));
    let row = format!("| {} | {version} | {} | {of_c} | {of_ours} |", P::NAME, tried::<P>());
    println!("{row}");
    let own = TABLE.lines().find(|line| columns(line).next() == Some(P::NAME));
    let is_same = own.is_some_and(|own| without_version(own) == without_version(&row));
    assert!(is_same, "docs/PROGRAMS.md has\n{}\nand what was seen is\n{row}", own.unwrap_or("no row"));
}

/// The names in the table.
pub fn names() -> Vec<&'static str> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.filter_map(|line| columns(line).next()).collect()
}

/// What a machine saw of this.
fn seen<'a>(output: &'a str, subject: &str) -> Option<&'a str> {
    output.lines().find_map(|line| line.strip_prefix(MARK)?.strip_prefix(subject)?.strip_prefix(": "))
}

/// What was seen of all subjects; bold where the other machine saw something else.
fn words(output: &str, other: &str) -> String {
    let words = SUBJECTS.map(|subject| match (seen(output, subject), seen(other, subject)) {
        (Some(word), Some(other)) if word != other => format!("**{word}**"),
        (word, _) => word.unwrap_or("—").to_owned(),
    });
    words.join(", ")
}

/// What was tried beyond what all are asked.
fn tried<P: Program>() -> String {
    let mut more = Vec::new();
    more.push(if P::UTF_8.is_ascii() { "UTF-8 password" } else { "UTF-8" }.to_owned());
    more.push(match P::REALM {
        Realm::Apart => "realm, `-r`".to_owned(),
        Realm::Within => "realm in the login, `-r`".to_owned(),
        Realm::Own => "its own realm, `-r`".to_owned(),
        Realm::Needed => "always with a realm, `-r`".to_owned(),
    });
    if P::AT_ONCE > 1 {
        more.push(format!("{} at once", P::AT_ONCE));
    }
    more.join("; ")
}

fn columns(line: &str) -> impl Iterator<Item = &str> {
    line.split('|').skip(1).map(str::trim)
}

fn without_version(row: &str) -> Vec<&str> {
    let columns = columns(row).enumerate();
    columns.filter(|(index, _)| *index != 1).map(|(_, column)| column).collect()
}
