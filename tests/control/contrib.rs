//! What is shipped for Prometheus and Grafana fits the metrics that there are.

use crate::support::command;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where tests/support/unpack.sh leaves it.
pub const PROMTOOL: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/prometheus/usr/bin/promtool");

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

/// All names of metrics in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    let is_in_name = |character: char| character.is_ascii_lowercase() || character == '_';
    let starts = text.match_indices("saslauthd_").map(|(start, _)| &text[start..]);
    starts.map(|rest| &rest[..rest.find(|next| !is_in_name(next)).unwrap_or(rest.len())]).collect()
}

#[test]
fn every_name_in_dashboard_rules_and_documentation_is_one_of_a_metric() {
    let metrics: BTreeSet<_> =
        saslauthd::endpoint::control::METRIC_NAMES.iter().map(|name| format!("saslauthd_{name}")).collect();
    let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/MONITORING.md");
    for path in [contrib("grafana/saslauthd.json"), contrib("prometheus/rules.yml"), documentation] {
        let text = fs::read_to_string(&path).unwrap();
        let names = names_in(&text);
        assert!(names.len() >= 7, "{}: {names:?}", path.display());
        for name in names {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let is_known = metrics.contains(name) || base.is_some_and(|base| metrics.contains(base));
            assert!(is_known, "{}: {name}", path.display());
        }
    }
}

#[test]
fn the_documentation_has_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/MONITORING.md");
    let text = fs::read_to_string(path).unwrap();
    for name in saslauthd::endpoint::control::METRIC_NAMES {
        assert!(text.contains(&format!("`saslauthd_{name}`")), "{name} is missing");
    }
}

#[test]
fn the_dashboard_is_json_and_every_panel_asks_for_something() {
    require!(Tool("python3"));
    let mut python = Command::new("python3");
    python.arg("-c").arg(
        "import json, sys\n\
         board = json.load(open(sys.argv[1]))\n\
         panels = [panel for panel in board['panels'] if panel['type'] != 'row']\n\
         print(len(panels))\n\
         assert all(target['expr'] for panel in panels for target in panel['targets'])\n\
         assert all(panel['targets'] for panel in panels)",
    );
    python.arg(contrib("grafana/saslauthd.json"));
    let read = command::run(python);
    assert_eq!(read.code, Some(0), "{read:?}");
    assert!(read.output.trim().parse::<usize>().unwrap() >= 6, "{read:?}");
}

#[test]
fn prometheus_takes_the_rules_and_every_expression_of_the_dashboard() {
    require!(Promtool, Tool("python3"));
    let mut promtool = Command::new(PROMTOOL);
    promtool.args(["check", "rules"]).arg(contrib("prometheus/rules.yml"));
    let checked = command::run(promtool);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    // Each expression as a rule of its own: promtool has no other way to look at one.
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yml");
    let mut python = Command::new("python3");
    python.arg("-c").arg(
        "import json, sys\n\
         board = json.load(open(sys.argv[1]))\n\
         exprs = [target['expr'] for panel in board['panels'] for target in panel.get('targets', [])]\n\
         exprs = [expr.replace('$__rate_interval', '5m') for expr in exprs]\n\
         rules = [{'record': 'a:b%d' % number, 'expr': expr} for number, expr in enumerate(exprs)]\n\
         json.dump({'groups': [{'name': 'all', 'rules': rules}]}, open(sys.argv[2], 'w'))",
    );
    python.arg(contrib("grafana/saslauthd.json")).arg(&rules);
    assert_eq!(command::run(python).code, Some(0));
    let mut promtool = Command::new(PROMTOOL);
    promtool.args(["check", "rules"]).arg(&rules);
    let checked = command::run(promtool);
    assert_eq!(checked.code, Some(0), "{checked:?}");
}
