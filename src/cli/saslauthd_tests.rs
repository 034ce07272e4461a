use super::super::{usage, version};
use super::*;
use crate::config::ServerOrder;
use crate::config::log_level::LogLevel;
use crate::config::run_directory::DEFAULT_RUN_DIRECTORY;
use crate::config::site::Endpoint;
use crate::config::{LogTargets, OnUnavailable, ReplyText};
use crate::mechanism::Remote;
use crate::registry;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

const PID: u32 = 7397;

fn parsed(line: &str) -> Result<Parsed, UsageError> {
    parse(["/usr/sbin/saslauthd"].into_iter().chain(line.split_whitespace()).map(OsString::from))
}

fn config(line: &str) -> Config {
    match parsed(line) {
        Ok(Parsed::Run(config)) => *config,
        Ok(_) => panic!("{line} does not run the daemon"),
        Err(error) => panic!("{line}: {}", error.report(PID)),
    }
}

fn error(line: &str) -> String {
    parsed(line).err().unwrap_or_else(|| panic!("{line} is no error")).report(PID)
}

#[test]
fn without_flags_but_a_mechanism_everything_is_as_in_c() {
    let config = config("-a pam");
    assert_eq!(config.frontend.mechanisms, ["pam"]);
    assert_eq!(config.mechanism_option, None);
    assert_eq!(config.endpoints, [Endpoint::mux(Path::new(DEFAULT_RUN_DIRECTORY))]);
    assert_eq!(config.run_directory, Path::new(DEFAULT_RUN_DIRECTORY));
    assert!(!config.foreground && config.log_level == LogLevel::Info && config.user.is_none());
    assert_eq!(config.log, LogTargets { syslog: true, stderr: false });
    assert_eq!(config.most_worker_growth, 256 << 20);
    assert!(config.sandbox);
    let expected = FrontendSettings {
        mechanisms: vec!["pam".to_owned()],
        login_format: None,
        cache: None,
        workers: WorkerSettings { most: 5, ready: 5, requests_each: 10_000, flag: WorkerFlag::Processes },
        limits: Limits::DEFAULT,
        request_timeout: Duration::from_secs(60),
        failure_delay: Duration::from_secs(2),
        negative_cache_ttl: Duration::ZERO,
        read_timeout: Duration::from_secs(30),
        max_connections: 4096,
        max_auth_connections: 4096,
        on_unavailable: OnUnavailable::Close,
        reply_text: ReplyText::Full,
        network: NetworkSettings::DEFAULT,
        guessing: GuessingSettings { penalty: true, trusted_networks: "127.0.0.0/8,::1".parse().unwrap() },
    };
    assert_eq!(config.frontend, expected);
}

#[test]
fn penalties_can_be_left_out_and_networks_be_trusted() {
    let guessing = |line: &str| config(&format!("-a pam {line}")).frontend.guessing;
    assert!(!guessing("--penalty=no").penalty && guessing("--penalty=yes").penalty);
    let trusted = |line: &str| guessing(line).trusted_networks.to_string();
    assert_eq!(trusted(""), "127.0.0.0/8,::1/128");
    assert_eq!(trusted("--trusted-networks=192.0.2.7,2001:db8::/32"), "192.0.2.7/32,2001:db8::/32");
    assert_eq!(trusted("--trusted-networks="), "");
    assert!(error("-a pam --penalty=on").contains("--penalty takes one of yes, no, not \"on\""));
    assert!(error("-a pam --trusted-networks=10.0.0.1/8").contains("the network is 10.0.0.0/8"));
}

#[test]
fn the_command_lines_of_the_distributions_are_understood() {
    let debian = config("-a pam -c -m /var/run/saslauthd -n 5");
    let lifetime = Duration::from_secs(28_800);
    assert_eq!(
        debian.frontend.cache,
        Some(CacheSettings { bytes: 9_011_200, lifetime, stale: Duration::ZERO })
    );
    let chroot = config("-a pam -c -m /var/spool/postfix/var/run/saslauthd -r -n 5");
    assert_eq!(chroot.run_directory, Path::new("/var/spool/postfix/var/run/saslauthd"));
    assert!(chroot.frontend.login_format.is_some());
    assert_eq!(config("-m /run/saslauthd -a shadow").frontend.mechanisms, ["shadow"]);
    assert!(config("-a pam -r").frontend.login_format.is_some());
    assert_eq!(config("-a PAM -lT operand").frontend.mechanisms, ["pam"]);
}

#[test]
fn each_socket_of_the_line_is_one_more_in_its_order() {
    let config = config("-a pam -m /run/a --socket /run/b,mode=0600 --socket=/run/c,service=smtp");
    let names: Vec<_> = config.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["mux", "/run/b", "/run/c"]);
    assert_eq!(self::config("-a pam --no-mux --socket=/run/b").endpoints.len(), 1);
    assert_eq!(
        error("-a pam --socket=/run/b --socket=/run/b"),
        format!("saslauthd[{PID}] :--socket: the socket /run/b is named twice\n")
    );
    assert!(error("-a pam --socket=run/b").contains("absolute"));
}

#[test]
fn the_default_cache_holds_fifty_thousand_names() {
    assert!(config("-a pam -c").frontend.cache.unwrap().bytes >= 50_000 * 128);
}

#[test]
fn expired_acceptances_need_a_cache() {
    assert!(error("-a pam --stale-if-unavailable=60").contains("give -c too"));
    let config = config("-a pam -c --stale-if-unavailable=60");
    assert_eq!(config.frontend.cache.unwrap().stale, Duration::from_secs(60));
}

#[test]
fn every_flag_lands_in_the_configuration() {
    let line = "-a shadow -O/etc/x -m/run/a -crd -s 10 -t 20 -n3 --request-timeout=7 --failure-delay=12 \
        --negative-cache-ttl=13 --stale-if-unavailable=14 --read-timeout 8 \
        --max-connections=9 --max-auth-connections=8 --max-password=65535 --max-field=16384 --requests-per-worker=11 \
        --max-worker-growth=64 --on-unavailable=no --log=stderr --user=nobody --sandbox=no";
    let config = config(line);
    assert_eq!(config.mechanism_option.as_deref(), Some(OsStr::new("/etc/x")));
    assert!(
        config.foreground && config.log_level == LogLevel::Debug && config.frontend.login_format.is_some()
    );
    assert_eq!(config.user.as_deref(), Some("nobody"));
    assert_eq!(config.log, LogTargets { syslog: false, stderr: true });
    assert_eq!(config.most_worker_growth, 64 << 20);
    assert!(!config.sandbox);
    let cache =
        CacheSettings { bytes: 10_240, lifetime: Duration::from_secs(20), stale: Duration::from_secs(14) };
    assert_eq!(config.frontend.cache, Some(cache));
    let workers = WorkerSettings { most: 3, ready: 3, requests_each: 11, flag: WorkerFlag::Processes };
    assert_eq!(config.frontend.workers, workers);
    assert_eq!(config.frontend.limits, Limits { password: 65_535, field: 16_384 });
    assert_eq!(config.frontend.request_timeout, Duration::from_secs(7));
    assert_eq!(config.frontend.failure_delay, Duration::from_secs(12));
    assert_eq!(config.frontend.negative_cache_ttl, Duration::from_secs(13));
    assert_eq!(config.frontend.read_timeout, Duration::from_secs(8));
    assert_eq!((config.frontend.max_connections, config.frontend.max_auth_connections), (9, 8));
    assert_eq!(config.frontend.on_unavailable, OnUnavailable::No);
}

#[test]
fn no_worker_processes_means_one_for_each_login() {
    let workers = |most| WorkerSettings { most, ready: 1, requests_each: 1, flag: WorkerFlag::MaxProcesses };
    assert_eq!(config("-a pam -n 0").frontend.workers, workers(64));
    assert_eq!(config("-a pam -n0 --max-processes=7").frontend.workers, workers(7));
}

#[test]
fn r_is_one_of_the_login_formats() {
    let format = |line| config(line).frontend.login_format.map(|format| format.text().to_owned());
    assert_eq!(format("-a pam"), None);
    assert_eq!(format("-a pam -r").as_deref(), Some("%u%R"));
    assert_eq!(format("-a pam --login-format=%LU").as_deref(), Some("%LU"));
    assert_eq!(format("-a pam -r --login-format=%u%R").as_deref(), Some("%u%R"));
    assert_eq!(config("-a pam --reply-text=bare").frontend.reply_text, ReplyText::Bare);
}

#[test]
fn in_the_foreground_the_log_goes_to_stderr_too_unless_told_otherwise() {
    let targets = |line| {
        let log = config(line).log;
        (log.syslog, log.stderr)
    };
    assert_eq!(targets("-a pam"), (true, false));
    assert_eq!(targets("-a pam -f"), (true, true));
    assert_eq!(targets("-a pam -d --log=auto"), (true, true));
    assert_eq!(targets("-a pam -f --log=syslog"), (true, false));
    assert_eq!(targets("-a pam --log both"), (true, true));
    assert!(config("-a pam -f").foreground && config("-a pam -f").log_level == LogLevel::Info);
    assert!(config("-a pam -V").log_level == LogLevel::Debug && !config("-a pam -V").foreground);
}

#[test]
fn the_last_of_several_values_counts() {
    let config = config("-a pam -n 1 -n 2 -m /a -m /b -O x -H y -c -c --log=both --log=syslog");
    assert_eq!(config.frontend.workers.most, 2);
    assert_eq!(config.run_directory, Path::new("/b"));
    assert_eq!(config.mechanism_option.as_deref(), Some(OsStr::new("y")));
    assert!(!config.log.stderr);
}

#[test]
fn an_empty_option_is_none_and_a_value_may_start_with_an_equals_sign() {
    let line = ["saslauthd", "-a", "pam", "-O", ""].map(OsString::from);
    let Ok(Parsed::Run(empty)) = parse(line) else { panic!("not understood") };
    assert_eq!(empty.mechanism_option, None);
    assert_eq!(config("-a pam -O=x").mechanism_option.as_deref(), Some(OsStr::new("=x")));
    assert_eq!(config("-a pam -O --").mechanism_option.as_deref(), Some(OsStr::new("--")));
    assert_eq!(config("-a pam -O -c").frontend.cache, None);
}

#[test]
fn paths_and_options_need_not_be_utf_8() {
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let line = [bytes(b"saslauthd"), bytes(b"-apam"), bytes(b"-m/\xff"), bytes(b"-O"), bytes(b"\xfe")];
    let Ok(Parsed::Run(config)) = parse(line) else { panic!("not understood") };
    assert_eq!(config.run_directory.as_os_str().as_bytes(), b"/\xff");
    assert_eq!(config.mechanism_option, Some(bytes(b"\xfe")));
}

/// The texts of the first half are the C daemon's.
#[test]
fn a_bad_value_is_one_line_on_stderr() {
    let size = "cache size must be positive and non zero";
    let lifetime = "cache timeout must be positive";
    for (line, text) in [
        ("-a f/o", "unknown authentication mechanism: f/o"),
        ("-a pam,", "unknown authentication mechanism: pam,"),
        ("-a ,pam", "unknown authentication mechanism: ,pam"),
        ("-a pam,corp,PAM", "-a names pam twice"),
        ("-a corp,Corp", "-a names Corp twice"),
        ("-a a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "-a takes at most 16 mechanisms, not 17"),
        ("-m run", "-m requires an absolute pathname"),
        ("-m ./run -x", "-m requires an absolute pathname"),
        ("-n -1", "invalid number of worker processes defined"),
        ("-n-1 -v", "invalid number of worker processes defined"),
        ("-s 0", size),
        ("-s abc", size),
        ("-s -1", size),
        ("-t 0 -h", lifetime),
        ("-t abc", lifetime),
        ("-t -5", lifetime),
        ("-n abc", "-n takes a number from 0 to 4096, not \"abc\""),
        ("-n=5", "-n takes a number from 0 to 4096, not \"=5\""),
        ("-n 99999999999", "-n takes a number from 0 to 4096, not \"99999999999\""),
        ("-s 4194304", "-s takes at most 4194303 kilobytes, not \"4194304\""),
        ("-t 99999999999", "-t takes at most 4294967294 seconds, not \"99999999999\""),
        ("--request-timeout=0", "--request-timeout takes a number from 1 to 86400, not \"0\""),
        ("--read-timeout=1.5", "--read-timeout takes a number from 1 to 86400, not \"1.5\""),
        ("--max-connections=", "--max-connections takes a number from 1 to 1000000, not \"\""),
        ("--max-password=65536", "--max-password takes a number from 1 to 65535, not \"65536\""),
        ("--max-field=16385", "--max-field takes a number from 1 to 16384, not \"16385\""),
        ("--requests-per-worker=0", "--requests-per-worker takes a number from 1 to 1000000000, not \"0\""),
        (
            "--max-worker-growth=1048577",
            "--max-worker-growth takes a number from 1 to 1048576, not \"1048577\"",
        ),
        ("--max-processes 0", "--max-processes takes a number from 1 to 4096, not \"0\""),
        ("--on-unavailable=maybe", "--on-unavailable takes one of close, no, not \"maybe\""),
        ("--reply-text=short", "--reply-text takes one of full, bare, not \"short\""),
        (
            "--login-format=%r",
            "--login-format cannot be \"%r\": without %u or %U all logins would be the same one at byte 1",
        ),
        (
            "-a pam -r --login-format=%U",
            "-r is --login-format=%u%R and another one is given; leave one of them out",
        ),
        ("--log=file", "--log takes one of auto, syslog, stderr, both, not \"file\""),
        ("--user=", "--user takes the name of an account, not \"\""),
    ] {
        assert_eq!(error(line), format!("saslauthd[7397] :{text}\n"), "{line}");
    }
}

#[test]
fn an_empty_value_is_as_wrong_as_in_c() {
    for (flag, text) in [
        ("-m", "-m requires an absolute pathname"),
        ("-s", "cache size must be positive and non zero"),
        ("-t", "cache timeout must be positive"),
        ("-n", "-n takes a number from 0 to 4096, not \"\""),
        ("-a", "unknown authentication mechanism: "),
    ] {
        let error = parse(["saslauthd", flag, ""].map(OsString::from)).err().map(|error| error.report(PID));
        assert!(error.is_some_and(|error| error == diagnostic(PID, text)), "{flag}");
    }
}

#[test]
fn a_wrong_line_shows_the_usage_after_its_message() {
    let daemon = "saslauthd[7397] :";
    let getopt = "/usr/sbin/saslauthd: ";
    for (line, start, text) in [
        ("", daemon, "no authentication mechanism specified"),
        ("-c operand", daemon, "no authentication mechanism specified"),
        ("-- -v", daemon, "no authentication mechanism specified"),
        ("-O /etc/saslauthd.conf", daemon, "no authentication mechanism specified"),
        ("-a pam -a pam -v", daemon, "only one authentication mechanism can be used"),
        ("-a pam -x -v", getopt, "invalid option -- 'x'"),
        ("-x -m run", getopt, "invalid option -- 'x'"),
        ("-a", getopt, "option requires an argument -- 'a'"),
        ("-a pam --foo=bar", getopt, "unrecognized option '--foo'"),
        ("-a pam --log", getopt, "option '--log' requires an argument"),
        ("--help=yes", getopt, "option '--help' doesn't allow an argument"),
    ] {
        assert_eq!(error(line), format!("{start}{text}\n{}", help()), "{line:?}");
    }
}

#[test]
fn help_and_version_act_at_once() {
    for line in ["-h", "--help", "-ch", "-hx", "-h -x", "operand -h", "-h -v", "-a foo -h -n -1"] {
        assert!(matches!(parsed(line), Ok(Parsed::Help)), "{line}");
    }
    for line in ["-v", "--version", "-cv", "-vx", "-v -x", "-v -h", "-a foo -v -m run"] {
        assert!(matches!(parsed(line), Ok(Parsed::Version)), "{line}");
    }
}

#[test]
fn a_run_directory_whose_socket_no_client_can_name_is_refused() {
    let longest = format!("/{}", "d".repeat(102));
    assert_eq!(config(&format!("-a pam -m {longest}")).run_directory, Path::new(&longest));
    let text =
        format!("the socket's path {longest}d/mux is 108 bytes long and can have 107; give a shorter -m");
    assert_eq!(error(&format!("-a pam -m {longest}d")), diagnostic(PID, &text));
}

#[test]
fn the_version_names_every_mechanism_and_ends_the_help() {
    let lines = version();
    let lines = lines.split('\n').collect::<Vec<_>>();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], concat!("saslauthd ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("authentication mechanisms: "));
    let names = lines[1].split(' ').skip(2).collect::<Vec<_>>();
    assert_eq!(names, registry::MECHANISMS.iter().map(|mechanism| mechanism.name).collect::<Vec<_>>());
    assert!(help().ends_with(&format!("\n\n{}", version())));
}

#[test]
fn the_usage_text_has_every_flag_with_its_default_and_no_other() {
    let command = Flags::command();
    let mut entries = 0;
    for arg in command.get_arguments() {
        let short = arg.get_short().map(|letter| format!("  -{letter}"));
        let long = arg.get_long().map(|name| format!("--{name}"));
        for name in short.iter().chain(&long) {
            let text = entry(name);
            for default in arg.get_default_values().iter().map(|value| value.to_str().unwrap()) {
                assert!(text.contains(&format!("default {default}")), "{name} has the default {default}");
            }
        }
        for alias in arg.get_all_short_aliases().unwrap_or_default() {
            assert!(usage::options().contains(&format!("-{alias} is an old spelling")));
        }
        entries += 1;
    }
    let listed = usage::options().lines().filter(|line| line.starts_with("  -")).count();
    assert_eq!(listed, entries);
}

/// The lines of the usage text about one flag.
fn entry(name: &str) -> String {
    let options = usage::options();
    let (_, rest) = options.split_once(name).unwrap_or_else(|| panic!("{name} is not in the usage"));
    assert!(rest.starts_with([' ', '=', ',', '\n', '[']), "{name} is only the start of another flag");
    let (text, _) = rest.split_once("\n  -").unwrap_or((rest, ""));
    text.to_owned()
}

#[test]
fn the_parser_itself_is_sound() {
    Flags::command().debug_assert();
}

#[test]
fn every_flag_for_servers_has_its_place() {
    let line = "-a pam --connect-timeout=1 --tls-timeout=2 --operation-timeout=3 --total-timeout=4 \
                --retry-interval=5 --idle-time=6 --max-server-connections=7 --server-order=round-robin";
    let expected = NetworkSettings {
        connect_timeout: Duration::from_secs(1),
        tls_timeout: Duration::from_secs(2),
        operation_timeout: Duration::from_secs(3),
        total_timeout: Duration::from_secs(4),
        retry_interval: Duration::from_secs(5),
        idle_time: Duration::from_secs(6),
        most_connections: 7,
        order: ServerOrder::RoundRobin,
    };
    assert_eq!(config(line).frontend.network, expected);
}

#[test]
fn check_is_told_apart_from_running() {
    for (flag, expected) in [
        ("--check", CheckScope::Files),
        ("--check=files", CheckScope::Files),
        ("--check=system", CheckScope::System),
    ] {
        let line = format!("-a pam {flag} -n 1");
        assert!(matches!(parsed(&line), Ok(Parsed::Check(_, scope)) if scope == expected), "{line}");
    }
    // The next word is no value: it may be one that getopt skips.
    assert!(matches!(parsed("-a pam --check system"), Ok(Parsed::Check(_, CheckScope::Files))));
    assert!(matches!(parsed("--check -a pam -v"), Ok(Parsed::Version)));
    assert_eq!(error("-a pam --check --max-field=0"), error("-a pam --max-field=0"));
}

/// A mechanism that asks servers.
fn remote(file: FileUse) -> Mechanism {
    let driven = registry::Driven {
        start: |_, _, _| Err(crate::mechanism::MechanismError("not here".into())),
        probe: |_, _, _| Ok(Vec::new()),
    };
    Mechanism {
        name: "asking",
        keys: &[],
        option_key: None,
        kind: Kind::Remote(
            Remote { file, needs_file: |_| true, check: |_, _| Vec::new(), credentials: |_| None },
            driven,
        ),
    }
}

/// What `-O` and the configuration file are for `mechanism`.
fn option_and_file(line: &str, mechanism: &Mechanism) -> Result<(Option<String>, String, bool), String> {
    let (words, _) = words_until_an_end(line.split_whitespace().map(OsString::from));
    let flags = read_flags::<Flags>(words).map_err(|InvalidValue(text)| text)?;
    let (option, file) = flags.option_and_file_of(mechanism).map_err(|InvalidValue(text)| text)?;
    let file = file.unwrap();
    Ok((option.map(|option| option.into_string().unwrap()), file.path.display().to_string(), file.required))
}

#[test]
fn a_mechanism_that_needs_its_file_has_it_named_by_o_or_config() {
    let needed = remote(FileUse::Required);
    for (line, path) in [
        ("", "/etc/saslauthd.conf"),
        ("-O /a", "/a"),
        ("-H /a", "/a"),
        ("--config=/b", "/b"),
        ("--config /b", "/b"),
    ] {
        assert_eq!(option_and_file(line, &needed), Ok((None, path.to_owned(), true)), "{line}");
    }
    let both = "-O \"/a\" and --config=\"/b\" both name the configuration file; give one of them";
    assert_eq!(option_and_file("-O /a --config=/b", &needed), Err(both.to_owned()));
    let relative = "takes the absolute path of a file, not \"a\"";
    assert_eq!(option_and_file("-O a", &needed), Err(format!("-O {relative}")));
    assert_eq!(option_and_file("--config=a", &needed), Err(format!("--config {relative}")));
}

#[test]
fn a_mechanism_that_can_do_without_its_file_needs_the_one_that_is_named() {
    let optional = remote(FileUse::Optional);
    let host = Some("host/143".to_owned());
    let default = ConfigFile::DEFAULT_PATH.to_owned();
    assert_eq!(option_and_file("-O host/143", &optional), Ok((host.clone(), default, false)));
    assert_eq!(option_and_file("-O host/143 --config=/b", &optional), Ok((host, "/b".to_owned(), true)));
}

/// The file may be left over from something else.
#[test]
fn a_single_mechanism_that_needs_no_file_reads_the_one_that_is_named() {
    assert_eq!(config("-a pam").file, None);
    assert_eq!(config("-a passwdfile -O /x").file, None);
    let named = config("-a passwdfile -O /x --config=/nonexistent");
    assert_eq!(named.file, Some(ConfigFile { path: "/nonexistent".into(), required: true }));
    assert_eq!(named.mechanism_option.as_deref(), Some(OsStr::new("/x")));
}

#[test]
fn mechanisms_are_named_in_the_order_in_which_they_are_asked() {
    for (line, names) in [
        ("-a PassWDfile,Corp,PAM", vec!["passwdfile", "Corp", "pam"]),
        ("-a corp", vec!["corp"]),
        ("--config=/c", vec![]),
    ] {
        assert_eq!(config(line).frontend.mechanisms, names, "{line}");
    }
}

#[test]
fn several_mechanisms_or_one_of_the_file_have_the_file_named_by_o_or_config() {
    for (line, path, required) in [
        ("-a pam,shadow", "/etc/saslauthd.conf", false),
        ("-a corp", "/etc/saslauthd.conf", false),
        ("-a pam,passwdfile", "/etc/saslauthd.conf", true),
        ("-a pam,ldap", "/etc/saslauthd.conf", true),
        ("-a pam,shadow -O /a", "/a", true),
        ("-a corp -O /a", "/a", true),
        ("-a corp --config=/b", "/b", true),
        ("--config=/b", "/b", true),
    ] {
        let config = config(line);
        assert_eq!(config.file, Some(ConfigFile { path: path.into(), required }), "{line}");
        assert_eq!(config.mechanism_option, None, "{line}");
    }
    let both = "-O \"/a\" and --config=\"/b\" both name the configuration file; give one of them";
    for line in ["-a pam,shadow -O /a --config=/b", "-O /a --config=/b"] {
        assert_eq!(error(line), diagnostic(PID, both), "{line}");
    }
    assert_eq!(
        error("-a pam,shadow -O a"),
        diagnostic(PID, "-O takes the absolute path of a file, not \"a\"")
    );
}

#[test]
fn an_option_of_a_mechanism_has_a_bound() {
    assert!(config(&format!("-a pam -O {}", "x".repeat(8192))).mechanism_option.is_some());
    let long = error(&format!("-a pam -O {}", "x".repeat(8193)));
    assert_eq!(long, "saslauthd[7397] :-O takes at most 8192 bytes, not 8193\n");
}

#[test]
fn a_mechanism_that_asks_servers_keeps_one_worker_ready_and_may_have_all() {
    let workers = config("-a rimap -O localhost -n 7").frontend.workers;
    assert_eq!((workers.ready, workers.most), (1, 7));
}
