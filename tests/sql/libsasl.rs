//! libsasl's own plugin beside ours: the same file, the same table, the same verdicts.

use super::{PLAIN, ask_in, launch};
use crate::support::Engine;
use crate::support::command::run_with_input;
use openssl::base64::encode_block;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

for_each_database!(a_file_of_the_plugin_is_served_with_its_verdicts);

const SERVER: &str = "/usr/sbin/sasl-sample-server";
const REALM: &str = "example.org";

/// What the sample server ends with for who is let in, and for who is not.
const ACCEPTED: &str = "Username: ";
const REFUSED: [&str; 2] = ["SASL negotiation: authentication failure", "SASL negotiation: user not found"];

/// Of nobody.
const INJECTED: &str = "x' OR password IS NOT NULL LIMIT 1 --";

/// Logins, passwords, and whether both let them in.
const ASKED: [(&str, &str, bool); 10] = [
    ("anna", "right", true),
    ("anna", "wrong", false),
    ("anna", "righ", false),
    ("eva", "right", false),
    ("o'brien", "right", true),
    ("x' OR '1'='1", "right", false),
    (INJECTED, "right", false),
    ("null", "right", false),
    ("empty", "right", false),
    ("back\\slash", "right", true),
];

fn a_file_of_the_plugin_is_served_with_its_verdicts(engine: Engine) {
    require!(SqlPlugin);
    let database = engine.start();
    for login in ["anna", "o'brien", "back\\slash"] {
        database.add(login, REALM, Some("right"));
    }
    database.add("null", REALM, None).add("empty", REALM, Some(""));
    let select = "SELECT password FROM users WHERE login = '%u' AND realm = '%r'";
    let text = format!(
        "auxprop_plugin: sql\n{}sql_select: {select}\n\
         sql_usessl: no\nsql_verbose: no\n{PLAIN}",
        database.settings()
    );
    let plugin = Plugin::new(&text);
    let daemon = launch(&text).start();
    for (login, password, is_right) in ASKED {
        let (theirs, ours) = (plugin.accepts(login, password), ask_in(&daemon, login, REALM, password));
        assert_eq!(theirs, plugin_accepts(engine, login, is_right), "libsasl: {login} {password}");
        assert_eq!(ours, if is_right { "OK" } else { "NO" }, "{login} {password}");
    }
}

/// For SQLite the plugin writes a backslash before quotes and backslashes, which means nothing there: such logins are not
/// found, and whoever knows one password of the table gets in as anybody with a login that is a piece of the statement.
fn plugin_accepts(engine: Engine, login: &str, is_right: bool) -> bool {
    match (engine, login) {
        (Engine::Sqlite, INJECTED) => true,
        (Engine::Sqlite, login) if login.contains(['\'', '\\']) => false,
        _ => is_right,
    }
}

/// The sample server of libsasl, which is started for each login.
struct Plugin {
    directory: TempDir,
}

impl Plugin {
    fn new(settings: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let text = format!("pwcheck_method: auxprop\nmech_list: PLAIN\n{settings}");
        fs::write(directory.path().join("sample.conf"), text).unwrap();
        Self { directory }
    }

    fn accepts(&self, login: &str, password: &str) -> bool {
        let mut server = Command::new(SERVER);
        server.args(["-m", "PLAIN", "-u", REALM, "-s", "smtp"]).env("SASL_CONF_PATH", self.directory.path());
        let response = encode_block(format!("\0{login}\0{password}").as_bytes());
        let lines = format!("C: {}\nC: {response}\n", encode_block(b"PLAIN"));
        let finished = run_with_input(server, lines.as_bytes());
        let text = finished.output + &finished.errors;
        match (text.contains(ACCEPTED), REFUSED.iter().any(|end| text.contains(end))) {
            (true, _) => true,
            (_, true) => false,
            _ => panic!("{text}"),
        }
    }
}
