//! `saslauthd.conf`: `--check`, what is wrong at the start and on HUP, the examples and the manual page.

use crate::support::certificates::Authority;
use crate::support::command::run;
use crate::support::{Finished, Launch, PATIENCE, Program, Request, eventually, within};
use saslauthd::registry::keys;
use saslauthd::registry::{Kind, MECHANISMS};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tempfile::TempDir;

/// A mechanism that asks servers and what it can be set up with.
struct Asking {
    name: &'static str,
    /// Beside `--config`.
    flags: &'static [&'static str],
    /// A file with which it can start.
    good: &'static str,
    /// One with which it cannot: the third line is to blame.
    bad: &'static str,
}

const ASKING: [Asking; 3] = [
    Asking {
        name: "httpform",
        flags: &[],
        good: "httpform_uri: /login\nhttpform_data: user=%u&password=%p\n",
        bad: "httpform_uri: /login\nhttpform_data: user=%u&password=%p\nhttpform_tls_check_peer: maybe\n",
    },
    Asking {
        name: "ldap",
        flags: &[],
        good: "ldap_search_base: dc=example,dc=org\nldap_filter: (uid=%U)\n",
        bad: "ldap_search_base: dc=example,dc=org\n# not closed\nldap_filter: (uid=%U\n",
    },
    Asking {
        name: "rimap",
        flags: &["-O", "imap://localhost?starttls"],
        good: "# nothing is needed\n",
        bad: "# nothing is needed\n\nrimap_tls_min_version: 4\n",
    },
];

/// Those that are built in.
fn asking() -> Vec<&'static Asking> {
    let remote = MECHANISMS.iter().filter(|mechanism| matches!(mechanism.kind, Kind::Remote(..)));
    let find = |name| ASKING.iter().find(|asking| asking.name == name);
    remote
        .map(|mechanism| {
            find(mechanism.name).unwrap_or_else(|| panic!("{} has no case here", mechanism.name))
        })
        .collect()
}

/// A configuration file in a directory of its own.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { directory: TempDir::new().unwrap() };
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
        self.set_mode(0o600);
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("saslauthd.conf")
    }

    /// A text that names the file as `FILE`.
    fn named(&self, text: &str) -> String {
        text.replace("FILE", self.path().to_str().unwrap())
    }

    fn flags(&self, asking: &Asking) -> Vec<String> {
        let own = asking.flags.iter().map(|flag| (*flag).to_owned());
        ["-a".to_owned(), asking.name.to_owned()]
            .into_iter()
            .chain(own)
            .chain([self.named("--config=FILE")])
            .collect()
    }

    fn launch(&self, asking: &Asking) -> Launch {
        let flags = self.flags(asking);
        Launch::new(Program::Ours, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn check(&self, asking: &Asking) -> Finished {
        let flags = self.flags(asking);
        check(&flags.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// What `--check` says with these flags.
fn check(flags: &[&str]) -> Finished {
    let mut command = Command::new(Program::Ours.daemon());
    command.args(flags).arg("--check");
    run(command)
}

fn finished(code: i32, output: &str) -> Finished {
    Finished { code: Some(code), output: output.to_owned(), errors: String::new() }
}

#[test]
fn check_finds_nothing_wrong_with_a_mechanism_that_has_no_settings() {
    for name in ["pam", "shadow", "getpwent"] {
        assert_eq!(check(&["-a", name]), finished(0, "no problems\n"), "{name}");
    }
}

#[test]
fn check_starts_nothing_and_makes_nothing() {
    let directory = TempDir::new().unwrap();
    let run_directory = directory.path().join("run");
    assert_eq!(check(&["-a", "pam", "-m", run_directory.to_str().unwrap()]), finished(0, "no problems\n"));
    assert!(!run_directory.exists());
}

#[test]
fn check_tells_what_is_wrong_with_the_flags_as_a_start_does() {
    let checked = check(&["-a", "pam", "--max-server-connections=0"]);
    assert_eq!((checked.code, checked.output.as_str()), (Some(1), ""));
    assert!(checked.errors.contains("--max-server-connections"), "{}", checked.errors);
}

#[test]
fn check_whose_answer_nobody_can_read_is_no_success() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" -a pam --check >/dev/full"]).arg(Program::Ours.daemon());
    assert_eq!(run(command).code, Some(1));
}

#[test]
fn check_reads_the_file_of_passwdfile() {
    let file = File::new("anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n");
    let path = file.path();
    let flags = ["-a", "passwdfile", "-O", path.to_str().unwrap()];
    assert_eq!(check(&flags), finished(0, "no problems\n"));
    file.write("anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\noops\n");
    let told = file.named("FILE: line 2 is skipped: the line has no colon after the login\n");
    assert_eq!(check(&flags), finished(1, &told));
    fs::remove_file(&path).unwrap();
    let told = file.named("The passwd file FILE cannot be read: No such file or directory\n");
    assert_eq!(check(&flags), finished(1, &told));
}

#[test]
fn check_reads_the_file_of_each_mechanism() {
    for asking in asking() {
        let file = File::new(asking.good);
        assert_eq!(file.check(asking), finished(0, &file.named("FILE: no problems\n")), "{}", asking.name);
        file.write(asking.bad);
        let checked = file.check(asking);
        assert_eq!((checked.code, checked.errors.as_str()), (Some(1), ""), "{}", asking.name);
        assert_eq!(checked.output.lines().count(), 1, "{}", checked.output);
        assert!(checked.output.starts_with(&file.named("FILE:3:")), "{}", checked.output);
    }
}

#[test]
fn check_tells_of_accounts_and_directories_that_sockets_need_and_are_not_there() {
    let file = File::new(
        "mechanisms: pam
[socket DIR/owner]\nowner: nobody-at-all\n[socket DIR/group]\ngroup: nobody-at-all
[socket DIR/users]\nallow_users: root nobody-at-all\n[socket DIR/missing/auth]\n[socket DIR/saslauthd.conf]
[socket DIR/saslauthd.conf/auth]\n[socket DIR/run/auth]\n",
    );
    let directory = file.directory.path().to_str().unwrap();
    file.write(&fs::read_to_string(file.path()).unwrap().replace("DIR", directory));
    let named = |text: &str| file.named(&text.replace("DIR", directory));
    let checked = check(&[
        &named("--config=FILE"),
        "--user=no-account",
        &named("-mDIR/run"),
        &named("--socket=DIR/flag,allow-groups=no-group"),
    ]);
    let expected = [
        "There is no account no-account for --user",
        "There is no group no-group, which the socket DIR/flag names",
        "FILE:2: There is no user nobody-at-all, which the socket DIR/owner names",
        "FILE:4: There is no group nobody-at-all, which the socket DIR/group names",
        "FILE:6: There is no user nobody-at-all, which the socket DIR/users names",
        "FILE:8: The directory DIR/missing of the socket DIR/missing/auth does not exist",
        "FILE:9: DIR/saslauthd.conf is not a socket and is left alone",
        "FILE:10: could not listen on DIR/saslauthd.conf/auth: Not a directory",
    ];
    assert_eq!((checked.code, checked.output.lines().count()), (Some(1), expected.len()), "{checked:?}");
    for (line, expected) in checked.output.lines().zip(expected.map(named)) {
        assert!(line.starts_with(&expected), "{line}");
    }
    assert!(!file.directory.path().join("run").exists());
}

#[test]
fn check_looks_at_certificates_and_ciphers_as_a_start_does() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (own, foreign) = (authority.issue(&["client"]), other.issue(&["client"]));
    let (certificate, key) = (own.certificate.display(), own.key.display());
    let asking = Asking { name: "rimap", flags: &["-O", "imaps://name.invalid"], good: "", bad: "" };
    for (text, expected) in [
        (format!("rimap_tls_cacert_file: {}\n", authority.file().display()), None),
        (format!("rimap_tls_cert: {certificate}\nrimap_tls_key: {key}\n"), None),
        ("rimap_tls_cacert_file: /nonexistent\n".to_owned(), Some("/nonexistent cannot be read")),
        (format!("rimap_tls_cacert_file: {key}\n"), Some("holds no certificates in PEM")),
        (
            format!("rimap_tls_cert: {certificate}\nrimap_tls_key: {}\n", foreign.key.display()),
            Some("is not that of the certificate"),
        ),
        ("rimap_tls_ciphers: ROT13\n".to_owned(), Some("ROT13")),
    ] {
        let (checked, expected) = (File::new(&text).check(&asking), expected.unwrap_or("no problems"));
        assert_eq!(checked.code, Some(i32::from(expected != "no problems")), "{text}{checked:?}");
        assert_eq!(checked.output.matches(expected).count(), 1, "{text}{checked:?}");
        assert_eq!(checked.output.lines().count(), 1, "{text}{checked:?}");
    }
}

#[test]
fn a_problem_in_the_file_stops_the_start_and_names_the_line() {
    for asking in asking() {
        let file = File::new(asking.bad);
        let launch = file.launch(asking);
        let started = launch.run();
        assert_eq!(started.code, Some(1), "{started:?}");
        let text = file.named(&format!("failed to initialize mechanism {}: FILE:3:", asking.name));
        assert!(started.errors.contains(&text), "{}", started.errors);
        assert!(!launch.run_directory().exists());
    }
}

#[test]
fn every_problem_in_the_file_is_told_at_a_start() {
    for asking in asking() {
        let file = File::new("one\ntwo\n");
        let started = file.launch(asking).run();
        for line in ["FILE:1: ", "FILE:2: "] {
            let text = file.named(&format!("failed to initialize mechanism {}: {line}", asking.name));
            assert_eq!(started.errors.matches(&text).count(), 1, "{}", started.errors);
        }
    }
}

#[test]
fn problems_are_told_in_the_order_of_the_lines() {
    let text = "ldap_timeout: 0\nldap_scope: some\nlog_level: 10\n[realm a]\nldap_filter: (\noops\n";
    let file = File::new(text);
    let checked = file.check(&Asking { name: "ldap", flags: &[], good: "", bad: "" });
    let prefix = file.named("FILE:");
    let numbers = checked.output.lines().map(|line| line.strip_prefix(&prefix).unwrap().split(':').next());
    assert_eq!(numbers.collect::<Vec<_>>(), ["1", "2", "3", "5", "6"].map(Some), "{}", checked.output);
}

#[test]
fn a_file_that_was_named_must_be_there_and_of_a_sensible_size() {
    for asking in asking() {
        let file = File::new(&"#".repeat(128 * 1024 + 1));
        for text in ["FILE: is larger than 131072 bytes", "FILE: cannot be read: No such file or directory"] {
            let text = file.named(text);
            let started = file.launch(asking).run();
            assert_eq!(started.code, Some(1), "{started:?}");
            assert!(started.errors.contains(&text), "{}", started.errors);
            assert_eq!(file.check(asking), finished(1, &(text + "\n")), "{}", asking.name);
            let _ = fs::remove_file(file.path());
        }
    }
}

#[test]
fn the_largest_file_reaches_the_process_that_serves() {
    for asking in asking() {
        let comment = format!("#{}\n", "x".repeat(128 * 1024 - asking.good.len() - 2));
        let file = File::new(&(comment + asking.good));
        let daemon = file.launch(asking).start();
        daemon.log.wait_for("listening on socket");
    }
}

#[test]
fn an_unknown_key_is_a_warning_that_stops_no_start() {
    for asking in asking() {
        let file = File::new(&format!("log_level: 10\n{}", asking.good));
        let text = file.named("FILE:1: unknown key log_level");
        assert_eq!(file.check(asking), finished(1, &format!("{text}\n")), "{}", asking.name);
        let daemon = file.launch(asking).start();
        daemon.log.wait_for(&text);
        daemon.log.wait_for("listening on socket");
    }
}

#[test]
fn a_password_that_everybody_can_read_is_warned_about_and_never_shown() {
    for asking in asking() {
        let file = File::new(&format!("{}ldap_bind_dn: cn=x\nldap_password: hunter2\n", asking.good));
        file.set_mode(0o644);
        let daemon = file.launch(asking).with(&["-V"]).start();
        daemon.log.wait_for(&file.named("FILE: everybody can read the password in it (mode 0644)"));
        daemon.log.wait_for("listening on socket");
        assert!(!daemon.log.all().concat().contains("hunter2"));
    }
}

#[test]
fn hup_reads_the_file_again_and_a_bad_one_changes_nothing() {
    for asking in asking() {
        let file = File::new(asking.good);
        let daemon = file.launch(asking).start();
        daemon.log.wait_for("listening on socket");
        let before = daemon.children("frontend");
        file.write(asking.bad);
        daemon.process.signal("HUP");
        daemon.log.wait_for(&file.named("The new configuration is not used: FILE:3:"));
        fs::remove_file(file.path()).unwrap();
        daemon.process.signal("HUP");
        daemon.log.wait_for(&file.named("The new configuration is not used: FILE: cannot be read"));
        assert_eq!(daemon.children("frontend"), before);
        file.write(asking.good);
        daemon.process.signal("HUP");
        daemon.log.wait_for("a new frontend has taken over");
    }
}

/// The files in contrib, by mechanism.
fn examples() -> Vec<(String, PathBuf)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/saslauthd.conf");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

#[test]
fn the_examples_have_no_problems() {
    let examples = examples();
    let authority = Authority::new();
    let authority = authority.file();
    let authority = authority.to_str().unwrap();
    for asking in asking() {
        let of_mechanism: Vec<_> = examples.iter().filter(|(name, _)| name == asking.name).collect();
        assert_eq!(of_mechanism.len(), 1, "{}", asking.name);
        for (_, path) in of_mechanism {
            let text = fs::read_to_string(path).unwrap();
            let file = File::new(&text.replace("/etc/ssl/certs/example-ca.pem", authority));
            assert_eq!(file.check(asking), finished(0, &file.named("FILE: no problems\n")));
        }
    }
}

#[test]
fn the_example_of_sql_has_no_problems() {
    require!(Postgresql);
    let (_, path) = examples().into_iter().find(|(name, _)| name == "sql").unwrap();
    let authority = Authority::new();
    let text = fs::read_to_string(path).unwrap();
    let file = File::new(&text.replace("/etc/ssl/certs/example-ca.pem", authority.file().to_str().unwrap()));
    let told = check(&["-a", "sql", &file.named("--config=FILE")]);
    assert_eq!(told, finished(0, &file.named("FILE: no problems\n")));
}

#[test]
fn the_example_of_active_directory_has_no_problems() {
    let (_, path) = examples().into_iter().find(|(name, _)| name == "active-directory").unwrap();
    let authority = Authority::new();
    let authority = authority.file();
    let text = fs::read_to_string(path).unwrap();
    let missing = text.replace("/etc/ssl/certs/example-ca.pem", authority.to_str().unwrap());
    let ldap = |file: &File| check(&["-a", "ldap", &file.named("--config=FILE")]);
    // --check looks whether it can be read, and how it begins.
    let keytab = tempfile::NamedTempFile::new().unwrap();
    fs::write(keytab.path(), b"\x05\x02").unwrap();
    let file = File::new(&missing.replace("/etc/saslauthd.keytab", keytab.path().to_str().unwrap()));
    assert_eq!(ldap(&file), finished(0, &file.named("FILE: no problems\n")));
    let file = File::new(&missing.replace("/etc/saslauthd.keytab", "/nonexistent/keytab"));
    let told = "FILE:10:19: ldap_krb5_keytab cannot be read: No such file or directory\n";
    assert_eq!(ldap(&file), finished(1, &file.named(told)));
}

/// Nobody names the mechanisms on the command line.
#[test]
fn the_example_of_several_mechanisms_has_no_problems() {
    let (_, path) = examples().into_iter().find(|(name, _)| name == "routes").unwrap();
    let authority = Authority::new();
    let text = fs::read_to_string(path).unwrap();
    let file = File::new(&text.replace("/etc/ssl/certs/example-ca.pem", authority.file().to_str().unwrap()));
    assert_eq!(check(&[&file.named("--config=FILE")]), finished(0, &file.named("FILE: no problems\n")));
}

/// A file that says who is asked, what is wrong with it, and where.
const BROKEN_ROUTES: [(&str, &str); 9] = [
    (
        "mechanisms: pam corp\n",
        "FILE:1:17: mechanisms names corp, which is neither built in nor has a section of its own",
    ),
    ("mechanisms: pam\n[realm x]\nmechanisms: ,\n", "FILE:3:13: mechanisms names no mechanism"),
    ("[realm x]\nmechanisms: pam\n", "FILE: mechanisms is missing"),
    (
        "mechanisms: a\n[mechanism a]\ntype: b\n[mechanism b]\ntype: a\n",
        "FILE:3:7: type is the section on line 4",
    ),
    (
        "mechanisms: pam\n[realm X]\nmechanisms: shadow\n[realm x]\n",
        "FILE:4: the realm x already has a section on line 2",
    ),
    ("mechanisms: pam shadow pam\n", "FILE:1:24: mechanisms names pam twice"),
    ("mechanisms: pam\non_reject: maybe\n", "FILE:2:12: on_reject takes one of next, stop"),
    (
        "mechanisms: pam\n[socket /run/x]\nmode: rw\n",
        "FILE:3:7: mode takes octal digits from 0 to 0777, such as 0660",
    ),
    ("mechanisms: pam ldap\nldap_filter: (uid=%u\n", "FILE:2:"),
];

#[test]
fn check_and_a_start_tell_what_is_wrong_with_a_route_and_where() {
    for (text, problem) in BROKEN_ROUTES {
        let (file, named) = (File::new(text), |text: &str, file: &File| file.named(text));
        let (flag, problem) = (named("--config=FILE", &file), named(problem, &file));
        let checked = check(&[&flag]);
        assert_eq!((checked.code, checked.errors.as_str()), (Some(1), ""), "{text}{checked:?}");
        assert!(checked.output.lines().any(|line| line.starts_with(&problem)), "{text}{}", checked.output);
        let started = Launch::new(Program::Ours, &[&flag]).run();
        assert_eq!(started.code, Some(1), "{started:?}");
        let sentence = format!("The configuration cannot be used: {problem}");
        assert_eq!(started.errors.matches(&sentence).count(), 1, "{text}{}", started.errors);
    }
}

#[test]
fn a_line_that_is_none_stops_the_start_whatever_the_mechanisms_are() {
    let file = File::new("mechanisms: pam shadow\noops\n");
    let problem = file.named("FILE:2: a line must be like \"key: value\"\n");
    assert_eq!(check(&[&file.named("--config=FILE")]), finished(1, &problem));
    assert_eq!(check(&["-a", "pam,shadow", &file.named("-OFILE")]).code, Some(1));
    assert_eq!(check(&["-a", "pam", &file.named("--config=FILE")]).code, Some(1));
}

#[test]
fn problems_of_a_line_that_several_mechanisms_read_are_told_once() {
    let text = "mechanisms: a b\nldap_filter: (\n[mechanism a]\ntype: ldap\n[mechanism b]\ntype: ldap\n[realm x]\nldap_scope: sub\n";
    let checked = check(&[&File::new(text).named("--config=FILE")]);
    assert_eq!(checked.code, Some(1));
    let file = File::new(text);
    let checked = check(&[&file.named("--config=FILE")]);
    assert_eq!(checked.output.lines().count(), 1, "{}", checked.output);
    assert!(checked.output.starts_with(&file.named("FILE:2:")), "{}", checked.output);
}

#[test]
fn each_mechanism_is_checked_with_its_own_keys() {
    let users = File::new("anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n");
    let path = users.path();
    let text = format!(
        "mechanisms: here there\n[mechanism here]\ntype: passwdfile\npasswdfile_path: {}\n[mechanism there]\ntype: passwdfile\n",
        path.display()
    );
    let file = File::new(&(text.clone() + "passwdfile_path: users\n"));
    let flag = file.named("--config=FILE");
    let relative = file.named("FILE:7:18: passwdfile_path takes an absolute path\n");
    assert_eq!(check(&[&flag]), finished(1, &relative));
    file.write(&text);
    let missing = file.named("FILE: passwdfile_path is missing: the file of logins and hashes\n");
    assert_eq!(check(&[&flag]), finished(1, &missing));
    file.write(&format!("{text}passwdfile_path: {}\n", path.display()));
    assert_eq!(check(&[&flag]), finished(0, &file.named("FILE: no problems\n")));
}

#[test]
fn the_servers_of_rimap_may_be_in_the_file() {
    let file = File::new("mechanisms: rimap pam\nrimap_servers: imaps://a b/0\n");
    let flag = file.named("--config=FILE");
    let problem =
        "FILE:2:16: rimap_servers has an error: b/0 has a port that is not a number from 1 to 65535\n";
    assert_eq!(check(&[&flag]), finished(1, &file.named(problem)));
    file.write("mechanisms: rimap pam\nrimap_servers: imaps://a b/143\n");
    assert_eq!(check(&[&flag]), finished(0, &file.named("FILE: no problems\n")));
    file.write("mechanisms: rimap pam\n");
    let missing = file.named("FILE: rimap_servers is missing: the names of IMAP servers\n");
    assert_eq!(check(&[&flag]), finished(1, &missing));
}

/// C's words, as long as nobody else can know it.
#[test]
fn a_name_that_is_in_no_file_is_an_unknown_mechanism() {
    let started = Launch::new(Program::Ours, &["-a", "corp"]).run();
    assert_eq!(started.code, Some(1));
    assert!(started.errors.contains(" :unknown authentication mechanism: corp"), "{}", started.errors);
    let file = File::new("[mechanism partner]\ntype: pam\n");
    let checked = check(&["-a", "corp,partner", &file.named("--config=FILE")]);
    let text = "unknown authentication mechanism: corp, and FILE has no section [mechanism corp]\n";
    assert_eq!(checked, finished(1, &file.named(text)));
}

#[test]
fn a_file_that_nobody_named_stops_no_single_mechanism_that_needs_none() {
    assert_eq!(check(&["-a", "pam", "-O", "/nonexistent"]), finished(0, "no problems\n"));
    let missing = "/nonexistent: cannot be read: No such file or directory\n";
    assert_eq!(check(&["-a", "pam", "--config=/nonexistent"]), finished(1, missing));
    assert_eq!(check(&["-a", "pam,shadow", "-O", "/nonexistent"]), finished(1, missing));
}

#[test]
fn a_key_where_nobody_looks_for_it_is_a_warning() {
    let text = "mechanisms: corp pam\nmode: 0600\n[mechanism corp]\ntype: ldap\nrimap_servers: x\n[realm x]\nworkers: 1\n\
                [socket /run/x]\nldap_filter: (a=b)\n[mechanism idle]\ntype: pam\n";
    let file = File::new(text);
    let told = check(&[&file.named("--config=FILE")]);
    let expected = [
        "FILE:2: mode has no effect here: it belongs in a section [socket PATH]",
        "FILE:5: rimap_servers has no effect here: the mechanism corp is of the type ldap",
        "FILE:7: workers has no effect here: it belongs in a section [mechanism NAME]",
        "FILE:9: ldap_filter has no effect here: it is about no socket",
        "FILE:10: the mechanism idle is never used: neither -a nor a line with mechanisms names it",
    ];
    assert_eq!(told, finished(1, &file.named(&(expected.join("\n") + "\n"))));
}

#[test]
fn hup_with_a_broken_route_changes_nothing() {
    let good = "mechanisms: getpwent pam\n[realm x]\nmechanisms: pam\n";
    let file = File::new(good);
    let daemon = Launch::new(Program::Ours, &["-a", "getpwent,pam", &file.named("--config=FILE")]).start();
    daemon.log.wait_for("listening on socket");
    let before = daemon.children("frontend");
    file.write("mechanisms: getpwent pam\n[realm x]\nmechanisms: corp\n");
    daemon.process.signal("HUP");
    daemon.log.wait_for(&file.named("The new configuration is not used: FILE:3:13: mechanisms names corp"));
    assert_eq!(daemon.children("frontend"), before);
    file.write(good);
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
}

fn manual_page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/saslauthd.conf.5");
    fs::read_to_string(page).unwrap()
}

#[test]
fn the_manual_page_shows_the_examples() {
    let page = manual_page();
    let blocks: Vec<_> = page
        .split(".Bd -literal")
        .skip(1)
        .map(|rest| rest.split_once('\n').unwrap().1.split_once(".Ed").unwrap().0)
        .map(|block| block.replace("\\&", "").replace("\\e", "\\"))
        .collect();
    for (name, path) in examples() {
        let text = fs::read_to_string(path).unwrap();
        assert!(blocks.contains(&text), "the example of {name} is not in the page as it is in contrib");
    }
}

#[test]
fn the_manual_page_has_every_key_and_no_other() {
    let page = manual_page();
    let known: Vec<_> = keys::names().map(|name| name.replace('*', "SERVICE")).collect();
    let described: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix(".It Ic "))
        .flat_map(|line| line.split_whitespace().filter(|word| *word != ","))
        .map(str::to_owned)
        .collect();
    for name in &known {
        assert_eq!(described.iter().filter(|key| *key == name).count(), 1, "{name}");
    }
    for name in &described {
        assert!(known.contains(name), "{name} is in the page and unknown to the daemon");
    }
}

/// A web server that accepts every login, and the paths it was asked for.
struct Web {
    address: SocketAddr,
    asked: Receiver<String>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = mpsc::channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let path = path_of_request(&stream);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                if sender.send(path).is_err() {
                    return;
                }
            }
        });
        Self { address, asked }
    }

    fn settings(&self, path: &str) -> String {
        format!("httpform_url: http://{}{path}\nhttpform_data: user=%u&password=%p\n", self.address)
    }

    fn next_path(&self) -> String {
        self.asked.recv_timeout(PATIENCE).expect("nobody asked")
    }
}

/// Reads a whole request: what is left unread breaks the connection when it is closed.
fn path_of_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let head: Vec<_> =
        reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    reader.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head[0].split(' ').nth(1).unwrap().to_owned()
}

/// Only the supervisor may read the file, and the frontend gets what it says.
#[test]
fn the_process_that_serves_needs_no_right_to_read_the_file() {
    require!(Root);
    let web = Web::start();
    let file = File::new(&web.settings("/one"));
    let path = file.named("--config=FILE");
    let daemon = Launch::new(Program::Ours, &["-a", "httpform", &path, "--user=nobody"]).start();
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(web.next_path(), "/one");
    file.write(&web.settings("/two"));
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(web.next_path(), "/two");
}

#[test]
fn a_mechanism_serves_logins_by_the_keys_of_its_section() {
    let web = Web::start();
    let general = web.settings("/general");
    let file =
        File::new(&format!("{general}[mechanism HTTPform]\nhttpform_url: http://{}/own\n", web.address));
    let daemon = Launch::new(Program::Ours, &["-a", "httpform", &file.named("--config=FILE")]).start();
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(web.next_path(), "/own");
    file.write(&format!("mechanisms: httpform\n{general}[mechanism httpform]\n"));
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(web.next_path(), "/general");
}

/// Seen: the second was thrown away, and the daemon went on with the first one's file.
#[test]
fn of_two_reloads_in_a_row_the_last_file_counts() {
    let web = Web::start();
    let file = File::new(&web.settings("/one"));
    let path = file.named("--config=FILE");
    let daemon = Launch::new(Program::Ours, &["-a", "httpform", &path]).start();
    for round in 0..5 {
        for path in ["/early", "/late"] {
            file.write(&web.settings(&format!("{path}/{round}")));
            daemon.process.signal("HUP");
            let _ = within(Duration::from_millis(9), || None::<()>);
        }
        let last = format!("/late/{round}");
        eventually("the last file counts", || {
            assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
            (web.next_path() == last).then_some(())
        });
    }
}

/// A bad file on disk must not get in the way of what was good when it was read.
#[test]
fn a_frontend_that_dies_is_replaced_with_the_settings_it_had() {
    let web = Web::start();
    let file = File::new(&web.settings("/one"));
    let path = file.named("--config=FILE");
    let daemon = Launch::new(Program::Ours, &["-a", "httpform", &path]).start();
    daemon.log.wait_for("listening on socket");
    fs::remove_file(file.path()).unwrap();
    let first = daemon.children("frontend").remove(0);
    first.signal("KILL");
    let answer = eventually("another frontend serves", || {
        let others = daemon.children("frontend").into_iter().any(|process| process != first);
        others.then(|| daemon.ask(&Request::new("anna", "right")))
    });
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(web.next_path(), "/one");
}
