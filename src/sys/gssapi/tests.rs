//! What is written in [`functions`](super::functions) is what the headers say, and what goes wrong is told in words.

use super::functions::{CONSTANTS, Gssapi};
use super::{Context, Credential, GssapiError};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The types of C that stand for those of Rust, where the names differ.
fn in_c(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(inner) = rust.strip_prefix("*mut ") {
        return format!("{} *", in_c(inner));
    }
    let known = [("c_int", "int"), ("u32", "gss_qop_t")];
    known.iter().find(|(name, _)| *name == rust).map_or(rust, |(_, c)| c).to_owned()
}

/// A program of C that compiles only if every function has the type, and every number and size the value, that is written
/// here.
fn program() -> String {
    let mut program =
        "#include <stddef.h>\n#include <gssapi/gssapi.h>\n#include <gssapi/gssapi_ext.h>\n".to_owned();
    for (name, arguments, result) in Gssapi::WRITTEN {
        let arguments: Vec<_> = arguments.iter().map(|argument| in_c(argument)).collect();
        writeln!(program, "{result} (*const own_{name})({}) = {name};", arguments.join(", ")).unwrap();
    }
    for (name, value) in CONSTANTS {
        writeln!(program, "_Static_assert({name} == {value}, \"{name}\");").unwrap();
    }
    for (kind, size, field, offset) in layouts() {
        writeln!(program, "_Static_assert(sizeof({kind}) == {size}, \"{kind}\");").unwrap();
        writeln!(program, "_Static_assert(offsetof({kind}, {field}) == {offset}, \"{kind}\");").unwrap();
    }
    program
}

/// Each structure with its size and the place of its last field.
fn layouts() -> [(&'static str, usize, &'static str, usize); 5] {
    use super::functions::{
        gss_OID_desc, gss_buffer_desc, gss_buffer_set_desc, gss_key_value_element_desc,
        gss_key_value_set_desc,
    };
    use std::mem::{offset_of, size_of};
    [
        ("gss_buffer_desc", size_of::<gss_buffer_desc>(), "value", offset_of!(gss_buffer_desc, value)),
        (
            "gss_buffer_set_desc",
            size_of::<gss_buffer_set_desc>(),
            "elements",
            offset_of!(gss_buffer_set_desc, elements),
        ),
        ("gss_OID_desc", size_of::<gss_OID_desc>(), "elements", offset_of!(gss_OID_desc, elements)),
        (
            "gss_key_value_element_desc",
            size_of::<gss_key_value_element_desc>(),
            "value",
            offset_of!(gss_key_value_element_desc, value),
        ),
        (
            "gss_key_value_set_desc",
            size_of::<gss_key_value_set_desc>(),
            "elements",
            offset_of!(gss_key_value_set_desc, elements),
        ),
    ]
}

/// What the compiler says of it; `None` without one.
fn compile(program: &str) -> Option<Result<(), String>> {
    let arguments = ["-x", "c", "-fsyntax-only", "-Wall", "-Werror", "-"];
    let mut compiler =
        Command::new("cc").args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = compiler.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

#[test]
fn every_function_has_its_type_and_every_number_its_value_in_the_headers_of_gssapi() {
    const TEST: &str = "the types of GSSAPI's functions";
    match compile("#include <gssapi/gssapi_ext.h>\n") {
        Some(Ok(())) => {}
        Some(Err(_)) => return crate::skipped::note(TEST, "there are no headers of MIT's Kerberos"),
        None => return crate::skipped::note(TEST, "there is no C compiler"),
    }
    let program = program();
    assert_eq!(compile(&program), Some(Ok(())));
    for (right, wrong) in [
        ("(*const own_gss_release_name)(OM_uint32 *, ", "(*const own_gss_release_name)(int *, "),
        ("sizeof(gss_buffer_desc) == 16", "sizeof(gss_buffer_desc) == 8"),
        ("GSS_C_MUTUAL_FLAG == 2", "GSS_C_MUTUAL_FLAG == 4"),
    ] {
        assert!(program.contains(right), "{right}");
        assert!(matches!(compile(&program.replace(right, wrong)), Some(Err(_))), "{wrong}");
    }
}

#[test]
fn what_cannot_be_had_is_told_in_the_words_of_kerberos() {
    let Err(GssapiError::Failed(reason)) = Credential::acquire("", "FILE:/nonexistent/cache", None) else {
        panic!()
    };
    assert!(reason.contains("No credentials cache"), "{reason}");
    let with_nul = Credential::acquire("a\0b", "MEMORY:x", Some("FILE:/nonexistent/keytab"));
    assert!(with_nul.is_err() && Credential::acquire("", "MEM\0ORY:x", None).is_err());
}

#[test]
fn a_login_without_tickets_says_nothing_to_the_server() {
    // Who has no name yet is looked for when the service is known.
    let Ok(credential) = Credential::acquire("", "MEMORY:empty", Some("FILE:/nonexistent/keytab")) else {
        return;
    };
    let mut context = Context::new(credential, "ldap@ldap.example.org", true).unwrap();
    assert!(context.step(b"").is_err() && !context.is_established());
    assert!(context.strength() == 0 && context.most_plain(4096, true).is_err());
    assert!(context.wrap_message(b"x", false).is_err() && context.unwrap_message(b"x").is_err());
}
