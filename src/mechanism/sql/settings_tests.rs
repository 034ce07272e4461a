#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::settings::file::Text;

const PLUGIN: &str = "sql_engine: pgsql\nsql_user: mail\nsql_passwd: s3cret \nsql_database: users\n\
                      sql_select: SELECT %p FROM t WHERE u='%u' AND r='%r'\n";

fn read_of(instance: Option<&str>, text: &str) -> (Option<Settings>, Vec<String>) {
    let text = Text { path: "/etc/x.conf".into(), bytes: Secret::copy_of(text.as_bytes()) };
    let sources =
        RawSettings { instance: instance.map(str::to_owned), file: Some(text), ..RawSettings::default() };
    let mut problems = Vec::new();
    let settings = read(&sources, &mut problems);
    (settings, problems.iter().map(ToString::to_string).collect())
}

fn told(text: &str) -> Vec<String> {
    read_of(None, text).1
}

#[test]
fn a_file_of_the_plugin_is_taken_as_it_is() {
    let file = format!(
        "{PLUGIN}sql_hostnames: db1, db2:5433\nsql_verbose: yes\nsql_insert: INSERT x\nsql_usessl: no\n"
    );
    let (settings, problems) = read_of(None, &file);
    assert_eq!(problems, [""; 0]);
    let settings = settings.unwrap();
    let servers: Vec<_> =
        settings.targets.iter().map(|target| (target.host.as_deref(), target.port)).collect();
    assert_eq!(servers, [(Some("db1"), None), (Some("db2"), Some(5433))]);
    for target in &settings.targets {
        assert_eq!(
            (target.engine, target.user.as_str(), target.database.as_str()),
            (Engine::Postgresql, "mail", "users")
        );
        assert_eq!(target.password.as_bytes(), b"s3cret ", "to the end of the line");
        assert_eq!(target.tls, TlsMode::Off);
        assert_eq!((target.connect_timeout, target.answer_timeout), (CONNECT_TIMEOUT, ANSWER_TIMEOUT));
    }
    assert!(settings.usual_scheme.is_none(), "never plain by default");
}

#[test]
fn an_instance_has_its_own_lines_before_the_general_ones() {
    let file = format!(
        "{PLUGIN}[mechanism staff]\ntype: sql\nsql_database: staff\nsql_default_scheme: {{plain}}\n\
                        sql_connect_timeout: 2\nsql_answer_timeout: 3\n"
    );
    let settings = read_of(Some("staff"), &file).0.unwrap();
    assert_eq!(settings.targets[0].database, "staff");
    assert!(settings.usual_scheme.unwrap().is_plain());
    let limits = Limits { connect: Duration::from_secs(2), answer: Duration::from_secs(3) };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.targets[0].host, None, "where the library looks");
}

#[test]
fn the_statement_has_the_key_of_old_files_too() {
    let old = PLUGIN.replace("sql_select", "sql_statement");
    let (settings, problems) = read_of(None, &old);
    assert_eq!(problems, [""; 0]);
    assert_eq!(settings.unwrap().select, read_of(None, PLUGIN).0.unwrap().select);
}

#[test]
fn a_directory_of_authorities_is_told_to_be_of_no_use_with_postgresql() {
    let tls = "sql_usessl: yes\nsql_tls_cacert_dir: /etc/ssl/certs\n";
    let settings_of = |more: &str| read_of(None, &format!("{PLUGIN}{tls}{more}"));
    let (settings, problems) = settings_of("");
    assert!(
        settings.is_none() && problems[0].contains("sql_tls_cacert_dir is of no use with pgsql"),
        "{problems:?}"
    );
    for more in ["sql_tls_cacert_file: /ca.pem\n", "sql_tls_check_peer: no\n"] {
        let (settings, problems) = settings_of(more);
        assert!(settings.is_some() && problems.len() == 1, "{problems:?}");
    }
    let mysql = format!("{PLUGIN}{tls}").replace("pgsql", "mysql");
    assert_eq!(read_of(None, &mysql).1, [""; 0]);
}

#[test]
fn tls_is_checked_unless_that_is_turned_off() {
    let file = format!("{PLUGIN}sql_usessl: yes\nsql_tls_cacert_file: /ca.pem\n");
    let on = |file: &str| match &read_of(None, file).0.unwrap().targets[0].tls {
        TlsMode::On(files) => files.clone(),
        TlsMode::Off => panic!("no TLS"),
    };
    let expected = TlsFiles { ca_file: Some("/ca.pem".into()), ..TlsFiles::default() };
    assert_eq!(on(&file), expected);
    assert!(on(&format!("{file}sql_tls_check_peer: no\n")).unverified);
    let problems = told(&format!("{PLUGIN}sql_tls_cacert_file: /ca.pem\n"));
    assert_eq!(problems, ["/etc/x.conf:6:22: sql_tls_cacert_file is of no use without sql_usessl: yes"]);
}

#[test]
fn sqlite_needs_a_path_and_nobody_to_log_in_as() {
    let file =
        "sql_engine: sqlite3\nsql_database: /var/lib/users.db\nsql_select: SELECT p FROM t WHERE u='%u'\n";
    let (settings, problems) = read_of(None, file);
    assert_eq!(problems, [""; 0]);
    assert_eq!(settings.unwrap().targets.len(), 1);
    let problems = told(&file.replace("/var/lib/users.db", "users.db"));
    assert_eq!(problems, ["/etc/x.conf:2:15: sql_database takes an absolute path with sqlite"]);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    assert_eq!(
        told("sql_passwd: x\n"),
        [
            "/etc/x.conf: sql_engine is missing: pgsql, mysql or sqlite",
            "/etc/x.conf: sql_database is missing: the name of the database, for sqlite the path of its file",
        ]
    );
    assert_eq!(
        told("sql_engine: mysql\nsql_database: x\n"),
        [
            "/etc/x.conf: sql_select is missing: the statement that finds a login's password",
            "/etc/x.conf: sql_user is missing: the account that may read the table",
        ]
    );
    for (line, problem) in [
        ("sql_engine: oracle", "6:13: sql_engine takes one of pgsql, mysql, sqlite, sqlite3"),
        (
            "sql_hostnames: db1, db2:x",
            "6:21: sql_hostnames takes servers like host, host:port, [address]:port or /path",
        ),
        (
            "sql_default_scheme: ROT13",
            "6:21: sql_default_scheme takes the name of a scheme, such as SHA512-CRYPT",
        ),
        ("sql_usessl: maybe", "6:13: sql_usessl takes yes or no"),
        ("sql_connect_timeout: 61", "6:22: sql_connect_timeout takes a number from 1 to 60"),
        (
            "sql_select: SELECT p FROM t WHERE u='%x'",
            "6:38: sql_select a % must be followed by u, r, p, v or another %",
        ),
    ] {
        let key = line.split(':').next().unwrap();
        // Another line of the same length has the place of the one that is replaced.
        let rest: String = PLUGIN
            .lines()
            .map(|line| if line.starts_with(key) { "#\n".to_owned() } else { format!("{line}\n") })
            .collect();
        assert_eq!(told(&format!("{rest}{line}\n")), [format!("/etc/x.conf:{problem}")]);
    }
}

#[test]
fn no_problem_shows_the_password() {
    let problems =
        told("sql_engine: x\nsql_passwd: s3cret\nsql_select: s3cret %x\nsql_hostnames: s3cret:x\n");
    assert!(!problems.is_empty() && !problems.concat().contains("s3cret"), "{problems:?}");
}
