//! Compiles the tables of functions against the headers of their libraries.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A function's name, the types of its arguments and that of its result, in Rust's words.
pub(in crate::sys) type Written = (&'static str, &'static [&'static str], &'static str);

/// The types of C that stand for those of Rust, where the names differ. A name that begins with an underscore is that of a
/// structure.
fn in_c(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(inner) = rust.strip_prefix("*mut ") {
        return format!("{} *", in_c(inner));
    }
    if let Some(inner) = rust.strip_prefix("*const ") {
        return format!("const {} *", in_c(inner));
    }
    if let Some(callback) = rust.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("{callback} *");
    }
    if rust.starts_with('_') {
        return format!("struct {rust}");
    }
    let known = [
        ("", "void"),
        ("c_void", "void"),
        ("c_char", "char"),
        ("c_uchar", "unsigned char"),
        ("c_int", "int"),
        ("c_uint", "unsigned int"),
        ("c_long", "long"),
        ("c_ulong", "unsigned long"),
        ("u64", "uint64_t"),
        ("usize", "size_t"),
    ];
    known.iter().find(|(name, _)| *name == rust).map_or(rust, |(_, c)| c).to_owned()
}

/// Lines of C that compile only if every function has the type that is written.
pub(in crate::sys) fn declarations(functions: &[Written]) -> String {
    let mut program = String::new();
    for (name, arguments, result) in functions {
        let arguments: Vec<_> = arguments.iter().map(|argument| in_c(argument)).collect();
        let arguments = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
        writeln!(program, "{} (*const own_{name})({arguments}) = {name};", in_c(result)).unwrap();
    }
    program
}

/// What the compiler says of a program of C; `None` without one.
pub(in crate::sys) fn compile(program: &str) -> Option<Result<(), String>> {
    let arguments = ["-x", "c", "-fsyntax-only", "-Wall", "-Werror", "-Wno-deprecated-declarations", "-"];
    let mut compiler =
        Command::new("cc").args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = compiler.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}
