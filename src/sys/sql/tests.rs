//! What is written of the libraries is what their headers say; a target for other tests.

use super::*;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A server that there need not be.
pub(super) fn target(engine: Engine) -> Target {
    Target {
        engine,
        host: Some("127.0.0.1".to_owned()),
        port: None,
        user: "mail".to_owned(),
        password: Secret::copy_of(b"secret"),
        database: "accounts".to_owned(),
        tls: TlsMode::Off,
        connect_timeout: Duration::from_secs(2),
        answer_timeout: Duration::from_secs(2),
    }
}

/// The types of C that stand for those of Rust, where the names differ.
fn in_c(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(inner) = rust.strip_prefix("*mut ") {
        return format!("{} *", in_c(inner));
    }
    if let Some(inner) = rust.strip_prefix("*const ") {
        return format!("{} const *", in_c(inner));
    }
    let known = [
        ("", "void"),
        ("c_void", "void"),
        ("c_char", "char"),
        ("c_uchar", "unsigned char"),
        ("c_int", "int"),
        ("c_uint", "unsigned int"),
        ("c_ulong", "unsigned long"),
        ("mysql_option", "enum mysql_option"),
    ];
    known.iter().find(|(name, _)| *name == rust).map_or(rust, |(_, c)| c).to_owned()
}

pub(super) type Written = &'static [(&'static str, &'static [&'static str], &'static str)];

/// A program of C that compiles only if every function has the type, and every number the value, that is written here.
pub(super) fn program(start: &str, functions: Written, constants: &[(&str, i64)]) -> String {
    assert!((15..40).contains(&functions.len()), "as few as can be looked at one by one");
    let mut program = format!("{start}\n#include <stddef.h>\n");
    for (name, arguments, result) in functions {
        let arguments: Vec<_> = arguments.iter().map(|argument| in_c(argument)).collect();
        writeln!(program, "{} (*const own_{name})({}) = {name};", in_c(result), arguments.join(", "))
            .unwrap();
    }
    for (name, value) in constants {
        writeln!(program, "_Static_assert({name} == {value}, \"{name}\");").unwrap();
    }
    program
}

/// What the compiler says of it; `None` without one.
fn compile(program: &str, directory: &str) -> Option<Result<(), String>> {
    let include = format!("-I{directory}");
    let arguments = ["-x", "c", "-fsyntax-only", "-Wall", "-Werror", &include, "-"];
    let mut compiler =
        Command::new("cc").args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = compiler.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

/// Has the program compiled, and each of the changes found out.
pub(super) fn holds_against_headers(library: &str, program: &str, directory: &str, changes: &[(&str, &str)]) {
    let compiled = match compile(program, directory) {
        None => return crate::skipped::note(library, "there is no C compiler"),
        Some(Err(said)) if said.contains(".h: No such file") => {
            return crate::skipped::note(library, "there are no headers of it");
        }
        Some(compiled) => compiled,
    };
    assert_eq!(compiled, Ok(()), "{library}");
    for (right, wrong) in changes {
        assert!(program.contains(right), "{right}");
        assert!(compile(&program.replace(right, wrong), directory).unwrap().is_err(), "{wrong} is found out");
    }
}

#[test]
fn a_library_that_is_not_there_is_named_with_its_package() {
    let error = library_error("libpq", "libpq5", &"libpq.so.5: cannot open shared object file");
    assert_eq!(error.kind, ErrorKind::Library);
    assert!(error.text.contains("install libpq5") && error.text.contains("libpq.so.5"), "{error}");
}

#[test]
fn whose_failure_it_is_can_be_read_from_the_sentence() {
    let mut target = target(Engine::Postgresql);
    assert_eq!(place(&target), "PostgreSQL at 127.0.0.1");
    target.port = Some(5433);
    assert_eq!(place(&target), "PostgreSQL at 127.0.0.1:5433");
    target.host = Some("::1".into());
    assert_eq!(place(&target), "PostgreSQL at [::1]:5433");
    target.host = Some("/run/postgresql".into());
    assert_eq!(place(&target), "PostgreSQL at /run/postgresql");
    target.host = None;
    assert_eq!(place(&target), "PostgreSQL at its usual socket");
    assert!(text_for_c(b"a\0b").is_err());
}

#[test]
fn a_server_that_is_not_there_is_lost_and_one_that_is_silent_too_slow() {
    for engine in [Engine::Postgresql, Engine::Mysql] {
        if let Err(error) = load(engine) {
            crate::skipped::note("connections to databases", &error.text);
            continue;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut target = target(engine);
        target.port = Some(listener.local_addr().unwrap().port());
        (target.connect_timeout, target.answer_timeout) =
            (Duration::from_millis(300), Duration::from_millis(300));
        let begun = Instant::now();
        let error = connect(&target).err().unwrap();
        assert_eq!(error.kind, ErrorKind::TooSlow, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(listener);
        let error = connect(&target).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Lost, "{error}");
        assert!(!error.text.contains("secret") && error.text.contains("127.0.0.1"), "{error}");
    }
}
