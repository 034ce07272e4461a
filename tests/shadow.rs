//! `-a shadow` and `-a getpwent`: the accounts of the system, in a private /etc.

use crate::support::{Answer, Daemon, Launch, Program, Request, System};

for_both!(
    shadow_accepts_every_kind_of_hash,
    shadow_refuses_with_the_words_of_c,
    shadow_never_matches_a_locked_or_empty_hash,
    shadow_looks_at_the_dates_of_an_account,
    shadow_takes_a_password_that_must_be_changed_for_expired,
    shadow_tells_an_account_apart_that_nis_hides,
    getpwent_checks_the_hash_in_the_passwd_file,
    a_login_with_a_colon_or_a_line_end_finds_no_account,
);

/// Hashes of `right`, made with mkpasswd(1).
const HASHES: [(&str, &str); 8] = [
    ("yescrypt", "$y$j9T$VtL2lAGkJN.wHUGDfTfoP/$c/gtvjyT53nWT4SRkF4MHKbg/I/j8JA62hc8guFKv4/"),
    ("gost", "$gy$j9T$bVddIYAcTrR3uNceDHPB4.$Na28g/SGtSsBpJVjb0CiYNvyyC2Csw17OkEc5E/JKeB"),
    (
        "sha512",
        "$6$rounds=1000$d6YAX/fp9wlmqQv/$lz9XCwmskEwZ3paT/Q0LMbGnMqHtellIbLzDNmeA3bDx28d8PXAep9wFzEtZN6meEBYW/Tqorr/Ev1uf/oWP2/",
    ),
    ("sha256", "$5$6ZKs47Ktl7bSSt0Z$ue8v5JT6OgcmexMUIYnBw37kwNwPhb/ILpSJ7XClmY8"),
    ("bcrypt", "$2b$05$qrMhZdbBXg5CV47NYWs6G.5Cbgq38m4GVVHZKwucrGDNoY8pGRgOa"),
    ("md5", "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
    ("des", "wJWgjQAa2q8Ik"),
    ("scrypt", "$7$CU..../....ZhhywczlV9qQVhW3ZiQzs/$dVi4y9n1W.AGTelIZSCSy7z23m/r6B4203r4UBOPG84"),
];

const SHA256: &str = HASHES[3].1;

fn shadow_accepts_every_kind_of_hash(program: Program) {
    require!(Root, Mounts);
    let accounts = HASHES.map(|(kind, hash)| (format!("st-{kind}"), format!("{hash}:19000:0:99999:7:::")));
    let daemon = shadow(program, &accounts);
    for (login, _) in &accounts {
        assert_eq!(ask(&daemon, login, "right"), "OK", "{login}");
        assert_eq!(ask(&daemon, login, "wrong"), "NO Incorrect password", "{login}");
    }
}

fn shadow_refuses_with_the_words_of_c(program: Program) {
    require!(Root, Mounts);
    let system = System::new().account("st-user", "x", Some(&format!("{SHA256}:19000:0:99999:7:::")));
    let daemon =
        Launch::new(program, &["-a", "shadow"]).inside(&system.account("st-half", SHA256, None)).start();
    assert_eq!(ask(&daemon, "st-user", "right"), "OK");
    assert_eq!(ask(&daemon, "st-user", "wrong"), "NO Incorrect password");
    assert_eq!(ask(&daemon, "ST-USER", "right"), "NO Invalid username");
    assert_eq!(ask(&daemon, "st-unknown", "right"), "NO Invalid username");
    assert_eq!(ask(&daemon, "st-half", "right"), "NO Invalid shadow username");
}

fn shadow_never_matches_a_locked_or_empty_hash(program: Program) {
    require!(Root, Mounts);
    let hashes = [
        "",
        "*",
        "!",
        "!!",
        "x",
        "*0",
        "*1",
        "*LK*",
        "right",
        "$6$",
        &format!("!{SHA256}"),
        &format!("*{SHA256}"),
    ];
    let accounts: Vec<_> =
        (0..).zip(hashes).map(|(number, hash)| (format!("st-{number}"), line(hash))).collect();
    let daemon = shadow(program, &accounts);
    for ((login, _), hash) in accounts.iter().zip(hashes) {
        for password in ["right", "*", "x", "!"] {
            assert_eq!(ask(&daemon, login, password), "NO Incorrect password", "{hash:?} and {password:?}");
        }
    }
}

fn shadow_looks_at_the_dates_of_an_account(program: Program) {
    require!(Root, Mounts);
    let table = [
        ("19000:0:99999:7:::", "OK"),
        ("::::::", "OK"),
        ("19000:0:99999:7::99999:", "OK"),
        ("19000:0:99999:7::1:", "NO Account expired"),
        ("19000:0:30:7:::", "NO Password expired"),
        ("19000:0:30:7:20::", "NO Password expired"),
        ("0:0:30:7:::", "NO Password expired"),
        ("19000:0:30:7::1:", "NO Account expired"),
    ];
    check_dates(program, &table);
}

/// As chage(1) shows it, and as pam_unix decides.
fn shadow_takes_a_password_that_must_be_changed_for_expired(program: Program) {
    require!(Root, Mounts);
    let why = "chage -d 0 asks for a change, which nobody can make here";
    let table = [
        ("19000:0:99999:7::0:", "NO Account expired"),
        ("19000:0:0:7:::", "NO Password expired"),
        ("19000:0:30:7:99999::", "NO Password expired"),
        ("0:0:99999:7:::", program.better(why, "OK", "NO Password expired")),
    ];
    check_dates(program, &table);
}

fn shadow_tells_an_account_apart_that_nis_hides(program: Program) {
    require!(Root, Mounts);
    let daemon = shadow(program, &[("st-nis".to_owned(), line("*NP*"))]);
    let text = "NO Insufficient permission to access NIS authentication database (saslauthd)";
    let why = "nobody could be asked, so no password was wrong";
    let expected = program.better(why, Answer::Text(text.to_owned()), Answer::Nothing);
    assert_eq!(ask(&daemon, "st-nis", "right"), expected);
}

fn getpwent_checks_the_hash_in_the_passwd_file(program: Program) {
    require!(Root, Mounts);
    let system = System::new()
        .account("st-user", SHA256, None)
        .account("st-shadowed", "x", Some(&line(SHA256)))
        .account("st-open", "", None);
    let daemon = Launch::new(program, &["-a", "getpwent"]).inside(&system).start();
    assert_eq!(ask(&daemon, "st-user", "right"), "OK");
    assert_eq!(ask(&daemon, "st-user", "wrong"), "NO Incorrect password");
    assert_eq!(ask(&daemon, "st-shadowed", "right"), "NO Incorrect password");
    assert_eq!(ask(&daemon, "st-open", "right"), "NO Incorrect password");
    assert_eq!(ask(&daemon, "st-unknown", "right"), "NO Invalid username");
}

fn a_login_with_a_colon_or_a_line_end_finds_no_account(program: Program) {
    require!(Root, Mounts);
    for mechanism in ["shadow", "getpwent"] {
        let system = System::new().account("st-user", SHA256, Some(&line(SHA256)));
        let daemon = Launch::new(program, &["-a", mechanism]).inside(&system).start();
        for login in ["st-user:x", "st-user\n", "\nst-user", " st-user", "+", "st-user:", "+st-user"] {
            assert_eq!(ask(&daemon, login, "right"), "NO Invalid username", "{mechanism} {login:?}");
        }
    }
}

/// A daemon that cannot read /etc/shadow says that nobody could be asked: no password was found wrong.
#[test]
fn shadow_without_the_permission_to_read_it_is_unavailable() {
    require!(Root, Mounts, Tool("setpriv"));
    let system = System::new().account("st-user", "x", Some(&line(SHA256)));
    let launch = Launch::new(Program::Ours, &["-a", "shadow"]).inside(&system).with_open_directory();
    let daemon = launch.behind(&["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]).start();
    assert_eq!(ask(&daemon, "st-user", "right"), Answer::Nothing);
    daemon.log.wait_for("auth unavailable: [user=st-user]");
}

fn check_dates(program: Program, table: &[(&str, &str)]) {
    let accounts: Vec<_> = (0..)
        .zip(table)
        .map(|(number, (dates, _))| (format!("st-{number}"), format!("{SHA256}:{dates}")))
        .collect();
    let daemon = shadow(program, &accounts);
    for ((login, line), (dates, expected)) in accounts.iter().zip(table) {
        assert_eq!(ask(&daemon, login, "right"), *expected, "{dates} in {line}");
        assert_eq!(
            ask(&daemon, login, "wrong"),
            "NO Incorrect password",
            "{dates}: no date without the password"
        );
    }
}

/// What follows the login in /etc/shadow, with no date that matters.
fn line(hash: &str) -> String {
    format!("{hash}:19000:0:99999:7:::")
}

fn shadow(program: Program, accounts: &[(String, String)]) -> Daemon {
    let system =
        accounts.iter().fold(System::new(), |system, (login, line)| system.account(login, "x", Some(line)));
    Launch::new(program, &["-a", "shadow"]).inside(&system).start()
}

fn ask(daemon: &Daemon, login: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}
