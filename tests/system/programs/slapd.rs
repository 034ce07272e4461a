//! OpenLDAP's server with passwords that are elsewhere: `{SASL}` as the Administrator's Guide has it ("Pass-Through
//! authentication"), and SASL PLAIN.

use crate::inside::{exit_code, launch, sh, wait_for_port, write};
use crate::trial::{Program, Realm};

const FILES: &[&str] = &["/usr/sbin/slapd", "/usr/bin/ldapwhoami"];

const CONFIGURATION: &str = "\
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd/slapd.pid
sasl-secprops none
database mdb
maxsize 10000000
suffix dc=example,dc=test
directory /srv/ldap
access to attrs=userPassword by * auth
access to * by * read
";

fn start_slapd() {
    write("/etc/ldap/slapd.conf", CONFIGURATION);
    let logins =
        ["alice", "alice@example.test", "special", "jörg", "long", "offline", "nobody", "crash", "anna"];
    let entries = logins.iter().chain(["berta"].iter()).enumerate().map(|(number, login)| {
        format!("dn: cn={login},dc=example,dc=test\nobjectClass: person\ncn: {login}\nsn: {number}\nuserPassword: {{SASL}}{login}\n\n")
    });
    let root = "dn: dc=example,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n";
    write("/tmp/entries.ldif", &format!("{root}{}", entries.collect::<String>()));
    write("/etc/ldap/sasl2/slapd.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN\n");
    sh("mkdir -p /srv/ldap /run/slapd && slapadd -q -f /etc/ldap/slapd.conf -l /tmp/entries.ldif");
    sh("chown -R openldap:openldap /srv/ldap /run/slapd && adduser --quiet openldap sasl");
    launch("slapd -h ldap:/// -u openldap -g openldap -f /etc/ldap/slapd.conf");
    wait_for_port(389);
}

/// A simple bind of an entry whose `userPassword` is `{SASL}` and a login.
pub struct PassThrough;

impl Program for PassThrough {
    const NAME: &str = "slapd, `{SASL}` entry";
    const PACKAGE: &str = "slapd";
    const LAYER: &str = "others";
    const FILES: &[&str] = FILES;
    const SERVICE: &str = "ldap";
    const YES: &str = "0";
    const NO: &str = "49";
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        start_slapd();
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        // What begins another word in a DN is written as an escape there.
        exit_code("ldapwhoami", &["-x", "-D", &format!("cn={login},dc=example,dc=test"), "-w", password])
    }
}

/// A bind by SASL PLAIN.
pub struct Plain;

impl Program for Plain {
    const NAME: &str = "slapd, SASL PLAIN";
    const PACKAGE: &str = PassThrough::PACKAGE;
    const LAYER: &str = PassThrough::LAYER;
    const FILES: &[&str] = FILES;
    const SERVICE: &str = "ldap";
    const YES: &str = "0";
    const NO: &str = "49";
    const NOTHING: &str = "80";
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        start_slapd();
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        let options = ["-Q", "-Y", "PLAIN", "-O", "none", "-U", login, "-w", password];
        exit_code("ldapwhoami", &options)
    }
}
