//! A picture as SVG: a card of its own colour, so that it can be read on light and dark pages.
#![forbid(unsafe_code)]

use super::{Bar, Panel, Picture};
use std::fmt::Write;

const WIDTH: u32 = 860;
const MARGIN: u32 = 24;
const ROW: u32 = 20;
/// From the top of the card to the captions of the panels.
const HEAD: u32 = 66;
/// Of the names of the servers.
const NAMES: u32 = 62;
/// Of the values behind the bars.
const VALUES: u32 = 130;

const STYLE: &str = "\
.card{fill:#ffffff;stroke:#d0d7de}\
text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}\
.title{font-size:16px;font-weight:600}\
.caption{fill:#59636e}\
.group{font-weight:600}\
.ours{fill:#0969da}.other{fill:#8c959f}.echo{fill:#c8d1da}\
@media(prefers-color-scheme:dark){\
.card{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.caption{fill:#9198a1}\
.ours{fill:#4493f8}.other{fill:#7d8590}.echo{fill:#3d444d}}";

/// The whole file.
pub(super) fn draw(picture: &Picture) -> String {
    let rows = picture.panels.iter().map(lines).max().unwrap_or(0);
    let height = HEAD + rows * ROW + MARGIN;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <style>{STYLE}</style>\n<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"32\">{}</text>\n",
        escaped(&picture.title),
        escaped(&description(picture)),
        WIDTH - 1,
        height - 1,
        escaped(&picture.title.replace('`', "")),
    );
    let width = (WIDTH - MARGIN) / u32::try_from(picture.panels.len().max(1)).unwrap_or(1);
    let mut left = MARGIN;
    for panel in &picture.panels {
        draw_panel(&mut svg, panel, left, width - MARGIN);
        left += width;
    }
    svg.push_str("</svg>\n");
    svg
}

/// How many rows it takes, with one for the name of each group.
fn lines(panel: &Panel) -> u32 {
    let mut count = 0;
    for (index, bar) in panel.bars.iter().enumerate() {
        count += 1 + u32::from(starts_group(panel, index, bar));
    }
    count
}

fn starts_group(panel: &Panel, index: usize, bar: &Bar) -> bool {
    let before = index.checked_sub(1).and_then(|index| panel.bars.get(index));
    !bar.group.is_empty() && before.is_none_or(|before| before.group != bar.group)
}

fn draw_panel(svg: &mut String, panel: &Panel, left: u32, width: u32) {
    let longest = panel.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let room = f64::from(width - NAMES - VALUES);
    let _ = writeln!(
        svg,
        "<text class=\"caption\" x=\"{left}\" y=\"{}\">{}</text>",
        HEAD - 10,
        escaped(panel.caption)
    );
    let mut top = HEAD;
    for (index, bar) in panel.bars.iter().enumerate() {
        if starts_group(panel, index, bar) {
            let _ = writeln!(
                svg,
                "<text class=\"group\" x=\"{left}\" y=\"{}\">{}</text>",
                top + 15,
                escaped(&bar.group)
            );
            top += ROW;
        }
        // Something is to be seen of the shortest.
        let length = if bar.value > 0.0 { (bar.value / longest * room).max(1.0) } else { 0.0 };
        let class = match bar.server.as_str() {
            "ours" => "ours",
            "echo" => "echo",
            _ => "other",
        };
        let start = left + NAMES;
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{0}\">{1}</text><rect class=\"{class}\" x=\"{start}\" y=\"{2}\" width=\"{length:.1}\" \
             height=\"14\" rx=\"2\"/><text x=\"{3:.1}\" y=\"{0}\">{4}</text>",
            top + 15,
            escaped(&bar.server),
            top + 4,
            f64::from(start) + length + 6.0,
            escaped(&bar.text),
        );
        top += ROW;
    }
}

/// For those who do not see the picture.
fn description(picture: &Picture) -> String {
    let mut text = String::new();
    for panel in &picture.panels {
        let _ = write!(text, "{}:", panel.caption);
        for (index, bar) in panel.bars.iter().enumerate() {
            if starts_group(panel, index, bar) {
                let _ = write!(text, " {}:", bar.group);
            }
            let end = if index + 1 == panel.bars.len() { '.' } else { ',' };
            let _ = write!(text, " {} {}{end}", bar.server, bar.text);
        }
        text.push(' ');
    }
    text.trim_end().to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
