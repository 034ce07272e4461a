//! The tables of a document as pictures: bars for each server, with their values.
//!
//! It is read from the markdown that the benchmark prints, so a picture never says anything but its table. Pure: text in,
//! SVG out.
#![forbid(unsafe_code)]

mod svg;
mod table;

pub(crate) use table::{Bar, Panel, Picture};

/// The pictures of all tables in `document` that compare servers: each with the name of its file.
pub(crate) fn of(document: &str) -> Vec<(String, String)> {
    table::pictures(document).iter().map(|picture| (file_name(&picture.title), svg::draw(picture))).collect()
}

/// The name of the file for the table with this title: its letters and digits.
pub(crate) fn file_name(title: &str) -> String {
    let words: Vec<_> = title
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    format!("{}.svg", words.join("-"))
}
