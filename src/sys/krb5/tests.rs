//! What is written in [`functions`](super::functions) is what the headers say.

use super::functions::{KRB5_NT_SRV_HST, Krb5, ROOM};
use super::library::krb5;
use super::profile::Profile;
use super::{Context, Krb5Error, can_be_loaded};
use crate::skipped;
use crate::sys::library::headers::{compile, declarations};
use std::fmt::Write as _;

/// These the library has for MIT's other programs. They are as they were in 1.17, in k5-int.h of its sources.
const IN_NO_HEADER: &str = "krb5_error_code krb5_get_default_config_files(char ***);\n\
                            void krb5_free_config_files(char **);\n";

/// A program of C that compiles only if every function has the type that is written here, every structure is at most half
/// as long as its room, and the number has its value.
fn program() -> String {
    let mut program = "#include <krb5.h>\n#include <profile.h>\n".to_owned();
    program += IN_NO_HEADER;
    program += &declarations(Krb5::WRITTEN);
    for (name, bytes) in ROOM {
        writeln!(program, "_Static_assert(2 * sizeof({name}) <= {bytes}, \"{name}\");").unwrap();
    }
    writeln!(program, "_Static_assert(KRB5_NT_SRV_HST == {KRB5_NT_SRV_HST}, \"KRB5_NT_SRV_HST\");").unwrap();
    program
}

#[test]
fn every_function_has_its_type_and_every_structure_has_room_by_the_headers_of_krb5() {
    let program = program();
    let headers = compile("#include <krb5.h>\n");
    if !matches!(headers, Some(Ok(()))) {
        return skipped::note("the types of Kerberos' functions", "there is no C compiler with libkrb5-dev");
    }
    assert_eq!(compile(&program), Some(Ok(())));
    for (right, wrong) in [
        ("(*const own_krb5_kt_close)(struct _krb5_context *", "(*const own_krb5_kt_close)(struct _krb5_kt *"),
        ("void (*const own_krb5_free_context)", "int (*const own_krb5_free_context)"),
        ("sizeof(krb5_creds) <= 512", "sizeof(krb5_creds) <= 128"),
        ("KRB5_NT_SRV_HST == 3", "KRB5_NT_SRV_HST == 4"),
    ] {
        assert!(program.contains(right), "{right}");
        assert!(compile(&program.replace(right, wrong)).unwrap().is_err(), "{wrong} is found out");
    }
}

/// A context of this machine; without the library there is a sentence that names its package.
fn context() -> Option<Context> {
    match can_be_loaded() {
        Ok(()) => Context::new().ok(),
        Err(error) => {
            assert!(
                matches!(&error, Krb5Error::Missing(sentence) if sentence.contains("libkrb5-3")),
                "{error}"
            );
            skipped::note("the names of principals", "libkrb5-3 is not installed");
            None
        }
    }
}

#[test]
fn a_context_knows_no_pkinit_whatever_krb5_conf_says_of_plugins() {
    if context().is_none() {
        return;
    }
    let profile = Profile::read(krb5().unwrap()).unwrap();
    assert!(profile.subsections(c"plugins").contains(&b"clpreauth".to_vec()));
}

#[test]
fn names_of_principals_come_back_as_they_were() {
    let Some(context) = context() else { return };
    for name in ["anna@EXAMPLE.ORG", "anna/mail@EXAMPLE.ORG", "host/mail.example.org@EXAMPLE.ORG"] {
        assert_eq!(context.principal(name.as_bytes()).unwrap().name(), name);
    }
    for name in [&b"a@B@C"[..], b"a@B/C", b"a\0b@C"] {
        let error = context.principal(name).err().unwrap();
        assert!(error.to_string().starts_with("krb5_parse_name: "), "{error}");
    }
}

#[test]
fn a_keytab_that_is_not_there_is_named_with_the_librarys_code() {
    let Some(context) = context() else { return };
    let keytab = context.keytab(Some(b"/nonexistent/keytab")).unwrap();
    assert_eq!(keytab.name(), "FILE:/nonexistent/keytab");
    let error = keytab.find(&context.principal(b"host/mail@EXAMPLE.ORG").unwrap()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/keytab") && error.code().is_some(), "{error}");
    let unknown = context.keytab(Some(b"NOSUCHKIND:/x")).err().unwrap();
    assert_eq!(unknown.code(), Some(-1_765_328_204), "{unknown}");
}
