//! Tickets that are to be had without the password, by PKINIT.

use super::{REFUSED, SERVICE, ask, realm, start_with, usual};
use crate::support::Program;
use crate::support::certificates::{Authority, Certificate, Details};
use crate::support::kerberos::{Krb5File, PKINIT};

for_both!(no_certificate_of_this_host_takes_the_place_of_a_password,);

/// The reason given in docs/COMPATIBILITY.md.
const WHY: &str = "libkrb5 gets these a ticket without looking at the password";

/// Kerberos servers of MIT take certificates of RSA keys only, until 1.21.
fn certificate(authority: &Authority, name: &str) -> Certificate {
    let details = Details { common_name: name, names: &[name], rsa_bits: 2048, is_for_clients: false };
    authority.issue_with(&details)
}

/// The server knows a certificate that this host has as that of `anna`, and lets the anonymous principal in.
fn no_certificate_of_this_host_takes_the_place_of_a_password(program: Program) {
    require!(Root, Kerberos, Pkinit);
    let authority = Authority::new();
    let mut server = realm(&[]);
    server.administer("modprinc +requires_preauth anna");
    server.administer("setstr anna pkinit_cert_match <SUBJECT>.*");
    server.administer("addprinc -randkey WELLKNOWN/ANONYMOUS");
    server.take_certificates(&certificate(&authority, "kdc.example.org"), &authority.file());
    let own = certificate(&authority, "mail.example.org");
    let conf = format!(
        "{}[libdefaults]\n pkinit_anchors = FILE:{}\n pkinit_identities = FILE:{},{}\n\
         pkinit_kdc_hostname = kdc.example.org\n pkinit_eku_checking = none\n\
         [domain_realm]\n .example.org = EXAMPLE.ORG\n[plugins]\n clpreauth = {{\n module = pkinit:{PKINIT}\n }}\n",
        server.conf().text(),
        authority.file().display(),
        own.certificate.display(),
        own.key.display(),
    );
    let conf = Krb5File::of(&conf);
    let daemon = start_with(program, &conf, &usual(&server));
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK", "{SERVICE} can prove who the server is");
    for login in ["anna", "WELLKNOWN/ANONYMOUS", "WELLKNOWN/ANONYMOUS@EXAMPLE.ORG"] {
        assert_eq!(ask(&daemon, login, "", "wrong"), program.better(WHY, "OK", REFUSED), "{login}");
    }
}
