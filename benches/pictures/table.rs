//! From the tables of a document to what is shown of them.
#![forbid(unsafe_code)]

/// What is shown of one table.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    /// The table's heading.
    pub(crate) title: String,
    /// One for each column that is shown.
    pub(crate) panels: Vec<Panel>,
}

/// A column of the table.
#[derive(Debug, PartialEq)]
pub(crate) struct Panel {
    /// What the bars are, and whether long ones are good.
    pub(crate) caption: &'static str,
    /// In the order of the table.
    pub(crate) bars: Vec<Bar>,
}

/// A cell of the table.
#[derive(Debug, PartialEq)]
pub(crate) struct Bar {
    /// What the servers are compared at, such as `50 clients`; empty if there is nothing of the kind.
    pub(crate) group: String,
    /// Whose it is.
    pub(crate) server: String,
    /// As the table has it, without the spread.
    pub(crate) text: String,
    /// Its length; 0 where the table has no number.
    pub(crate) value: f64,
}

/// The columns that are shown, where a table has the first of a line.
const SHOWN: [&[(&str, &str)]; 3] = [
    &[
        ("requests/s", "Logins per second (more is better)"),
        ("CPU µs/request", "CPU time of a login in µs (less is better)"),
    ],
    &[
        ("p50 ms", "Typical wait of a right login in ms (less is better)"),
        ("longest ms", "Longest wait of a right login in ms (less is better)"),
    ],
    &[
        ("idle after the start", "Memory after the start in KiB (less is better)"),
        ("after further requests", "Memory after further logins in KiB (less is better)"),
    ],
];

/// Of all tables that have a column `server` and columns to show.
pub(super) fn pictures(document: &str) -> Vec<Picture> {
    let mut sections = document.split("\n### ");
    // What is before the first heading has no table to show.
    sections.next();
    sections.filter_map(picture).collect()
}

fn picture(section: &str) -> Option<Picture> {
    let mut lines = section.lines();
    let title = lines.next()?.trim().to_owned();
    let rows: Vec<Vec<&str>> = lines
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    let (headings, rows) = (rows.first()?, rows.get(2..)?);
    let server = headings.iter().position(|heading| *heading == "server")?;
    let panels: Vec<_> = SHOWN
        .into_iter()
        .find(|columns| columns.iter().all(|(heading, _)| headings.contains(heading)))?
        .iter()
        .filter_map(|(heading, caption)| {
            let column = headings.iter().position(|other| other == heading)?;
            Some(Panel { caption, bars: bars(headings, rows, server, column) })
        })
        .collect();
    panels.iter().all(|panel| panel.bars.len() > 1).then_some(Picture { title, panels })
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect()
}

fn bars(headings: &[&str], rows: &[Vec<&str>], server: usize, column: usize) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for row in rows {
        let (Some(name), Some(cell)) = (row.get(server), row.get(column)) else { continue };
        // A ratio, not a measurement.
        if name.starts_with("**") {
            continue;
        }
        let group = match (server, row.first()) {
            (0, _) | (_, None) => String::new(),
            (_, Some(&"the same")) => bars.last().map_or_else(String::new, |bar| bar.group.clone()),
            (_, Some(group)) => group_name(headings.first().unwrap_or(&""), group),
        };
        let text = cell.split(" (").next().unwrap_or(cell).to_owned();
        bars.push(Bar { group, server: (*name).to_owned(), value: number(&text), text });
    }
    bars
}

/// `50` under `clients` is `50 clients`; what is no number says itself what it is.
fn group_name(heading: &str, group: &str) -> String {
    match (group.parse::<u32>(), heading) {
        (Ok(1), _) if heading.ends_with('s') && heading != "pass" => {
            format!("1 {}", heading.trim_end_matches('s'))
        }
        (Ok(_), "pass") => format!("pass {group}"),
        (Ok(_), _) => format!("{group} {heading}"),
        (Err(_), _) => group.to_owned(),
    }
}

/// The first number in the text, with or without commas.
fn number(text: &str) -> f64 {
    let digits: String = text
        .chars()
        .skip_while(|letter| !letter.is_ascii_digit())
        .take_while(|letter| letter.is_ascii_digit() || matches!(letter, ',' | '.'))
        .filter(|letter| *letter != ',')
        .collect();
    digits.parse().unwrap_or(0.0)
}
