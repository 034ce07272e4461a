//! What is written in [`functions`](super::functions) is what the headers say.

use super::context::ContextBuilder;
use super::functions::{CONSTANTS, Crypto, Tls};
use super::stream::{Connection, Stream, StreamError};
use super::{OpenSslError, digest};
use crate::sys::library::headers::{compile, declarations};
use digest::{Hash, Hasher};
use std::fmt::Write as _;
use std::io::{self, Read, Write};

/// A program of C that compiles only if every function has the type, and every number the value, that is written here.
fn program() -> String {
    let mut program = "#include <openssl/ssl.h>\n#include <openssl/err.h>\n#include <openssl/hmac.h>\n\
        #include <openssl/rand.h>\n#include <openssl/x509v3.h>\n\
        typedef int bio_read(BIO *, char *, int);\ntypedef int bio_write(BIO *, const char *, int);\n\
        typedef long bio_ctrl(BIO *, int, long, void *);\n"
        .to_owned();
    program += &declarations(Crypto::WRITTEN);
    program += &declarations(Tls::WRITTEN);
    for (name, value) in CONSTANTS {
        // The headers write this one small.
        let name = if *name == "TLSEXT_NAMETYPE_HOST_NAME" { "TLSEXT_NAMETYPE_host_name" } else { name };
        writeln!(program, "_Static_assert({name} == {value}, \"{name}\");").unwrap();
    }
    program
}

#[test]
fn every_function_has_its_type_and_every_number_its_value_in_the_headers_of_openssl() {
    let program = program();
    let Some(compiled) = compile(&program) else {
        return crate::skipped::note("the types of OpenSSL's functions", "there is no C compiler");
    };
    assert_eq!(compiled, Ok(()));
    for (right, wrong) in [
        ("(*const own_SSL_read)(SSL *, void *, int)", "(*const own_SSL_read)(SSL *, void *, long)"),
        ("(*const own_SSL_get_error)(const SSL *, int)", "(*const own_SSL_get_error)(SSL *, int)"),
        ("int (*const own_SSL_shutdown)", "long (*const own_SSL_shutdown)"),
        ("SSL_CTRL_MODE == 33", "SSL_CTRL_MODE == 34"),
    ] {
        assert!(program.contains(right), "{right}");
        assert!(compile(&program.replace(right, wrong)).unwrap().is_err(), "{wrong} is found out");
    }
}

#[test]
fn there_are_as_few_functions_as_can_be_looked_at_one_by_one() {
    let names: Vec<_> = Crypto::WRITTEN.iter().chain(Tls::WRITTEN).map(|(name, _, _)| name).collect();
    assert!(names.len() < 80, "{}", names.len());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hashes_are_those_of_the_standards_however_the_bytes_come() {
    for (hash, of_abc) in [
        (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Hash::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Hash::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ] {
        assert_eq!(hex(digest::hash(hash, &[b"abc"]).unwrap().as_bytes()), of_abc);
        assert_eq!(hex(digest::hash(hash, &[b"", b"a", b"bc"]).unwrap().as_bytes()), of_abc);
        let mut hasher = Hasher::new(hash).unwrap();
        hasher.update(b"ab").unwrap();
        hasher.update(b"c").unwrap();
        assert_eq!(hex(hasher.finish().unwrap().as_bytes()), of_abc);
    }
}

/// RFC 2202, test cases 1 and 2, and an empty key, as Python's hmac has it.
#[test]
fn hmac_is_that_of_the_standard() {
    for (key, data, expected) in [
        ([0x0b; 16].as_slice(), b"Hi There".as_slice(), "9294727a3638bb1c13f48ef8158bfc9d"),
        (b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
        (b"", b"", "74e6f7298a9c2d168935f58c001bad88"),
    ] {
        assert_eq!(hex(digest::hmac(Hash::Md5, key, data).unwrap().as_bytes()), expected);
    }
}

#[test]
fn chance_is_other_each_time() {
    let (mut one, mut other) = ([0; 16], [0; 16]);
    digest::fill_with_chance(&mut one).unwrap();
    digest::fill_with_chance(&mut other).unwrap();
    assert_ne!(one, other);
}

#[test]
fn a_text_with_a_nul_in_it_is_refused_and_never_cut() {
    let mut builder = ContextBuilder::new().unwrap();
    assert!(builder.set_ciphers("HIGH").is_ok());
    assert_eq!(builder.set_ciphers("HIGH\0").unwrap_err(), OpenSslError::silent());
}

#[test]
fn a_context_lives_as_long_as_what_was_made_of_it() {
    let context = ContextBuilder::new().unwrap().build();
    let copy = context.clone();
    assert!(copy == context && copy != ContextBuilder::new().unwrap().build());
    let mut connection = Connection::new(&context).unwrap();
    drop((context, copy));
    assert!(connection.name_server("localhost").is_ok() && connection.expect_name("localhost").is_ok());
}

/// A socket that answers every read and write with the same.
struct Same(fn() -> io::Result<usize>);

impl Read for Same {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        (self.0)()
    }
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is written at first goes its way.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn handshake(socket: Same) -> (Stream<Same>, StreamError) {
    let connection = Connection::new(&ContextBuilder::new().unwrap().build()).unwrap();
    let mut stream = Stream::new(connection, socket).unwrap();
    assert!(stream.session().is_none(), "before the handshake there is nothing to resume");
    let error = stream.connect().unwrap_err();
    (stream, error)
}

#[test]
fn what_befalls_the_socket_is_told_as_what_it_is() {
    let (mut stream, error) = handshake(Same(|| Err(io::ErrorKind::WouldBlock.into())));
    assert!(matches!(error, StreamError::Blocked), "{error:?}");
    assert!(stream.certificate_problem().is_none());
    stream.socket_mut().0 = || Err(io::Error::from_raw_os_error(libc::ECONNRESET));
    let error = stream.connect().unwrap_err();
    assert!(
        matches!(&error, StreamError::Socket(error) if error.raw_os_error() == Some(libc::ECONNRESET)),
        "{error:?}"
    );
    let (_, error) = handshake(Same(|| Ok(0)));
    assert!(matches!(error, StreamError::Ended), "{error:?}");
}
