//! Kerberos first, and LDAP for the names that it does not know.

use super::{RIGHT, SERVICE, Site, searching};
use crate::support::Program;
use crate::support::samba::Samba;

const FILTER: &str = "(|(sAMAccountName=%U)(userPrincipalName=%u))";

fn start(more: &str) -> Site {
    let settings = |domain: &Samba| {
        format!(
            "{}krb5_keytab: {}\nkrb5_servername: mail.ad.example.test\n{more}",
            searching(domain, FILTER),
            domain.keytab(SERVICE).display()
        )
    };
    Site::start((Program::Ours, "kerberos5,ldap"), settings, "", |_| Vec::new())
}

#[test]
fn names_of_other_domains_are_left_to_ldap() {
    require!(Samba);
    let site = start("on_reject: stop\n");
    assert_eq!(site.ask("anna", RIGHT), "OK");
    site.expect_logged("auth success: [user=anna] [service=smtp] [realm=] [mech=kerberos5]");
    assert_eq!(site.ask("paula@mail.example.test", RIGHT), "OK");
    site.expect_logged("auth success: [user=paula@mail.example.test] [service=smtp] [realm=] [mech=ldap]");
    assert!(site.ask("paula@mail.example.test", "wrong").is_no());
    assert!(site.ask("nobody", RIGHT).is_no());
    assert!(site.ask("anna", "wrong").is_no());
    // Asked twice it would count twice for the lockout.
    site.expect_logged("auth failure: [user=anna] [service=smtp] [realm=] [mech=kerberos5] [reason=");
}
