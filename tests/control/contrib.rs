//! What is shipped for Prometheus and Grafana fits the metrics that there are.

use super::{probed, program};
use crate::support::command;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// The command of the unit, with our own program and a directory of ours.
fn collect(directory: &Path, run_directory: &Path) -> command::Finished {
    let unit = fs::read_to_string(contrib("prometheus/saslauthd-metrics.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '")).unwrap();
    let script =
        line.strip_suffix('\'').unwrap().replace("/usr/sbin/saslauthdctl", program().to_str().unwrap());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("umask 0022; {script}")]);
    shell.env("DIRECTORY", directory).env("SASLAUTHD_RUN_DIR", run_directory);
    command::run(shell)
}

#[test]
fn the_units_command_leaves_a_whole_file_that_everybody_may_read_or_the_one_of_before() {
    require!(Root, Compiler);
    let site = probed(&[]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("saslauthd.prom");
    let finished = collect(directory.path(), &site.daemon.run_directory());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("saslauthd_build_info{") && text.ends_with('\n'));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    let finished = collect(directory.path(), Path::new("/nonexistent"));
    assert_eq!(finished.code, Some(69), "systemd shows it as failed: {finished:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let parts = fs::read_dir(directory.path()).unwrap().map_while(Result::ok);
    let parts: Vec<_> = parts.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(parts.iter().filter(|name| name.ends_with(".prom")).count(), 1, "no part is read: {parts:?}");
}

/// cron searches /usr/bin and /bin only.
#[test]
fn the_line_for_cron_works_with_the_path_that_cron_gives() {
    require!(Root, Compiler);
    let site = probed(&[]);
    let directory = tempfile::tempdir().unwrap();
    let table = fs::read_to_string(contrib("prometheus/cron")).unwrap();
    let line = table.lines().find_map(|line| line.strip_prefix("* * * * * root ")).unwrap();
    let ours = format!("{} -m {}", program().display(), site.daemon.run_directory().display());
    let script = line
        .replace("/usr/sbin/saslauthdctl", &ours)
        .replace("/var/lib/prometheus/node-exporter", directory.path().to_str().unwrap());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).env("PATH", "/usr/bin:/bin");
    let finished = command::run(shell);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let text = fs::read_to_string(directory.path().join("saslauthd.prom")).unwrap();
    assert!(text.contains("saslauthd_build_info{"));
}
