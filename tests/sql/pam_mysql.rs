//! Sites that came to saslauthd by way of PAM and pam_mysql, since libsasl compares passwords in clear only: the same table
//! has the same verdicts.

use super::{SELECT, ask, launch};
use crate::support::database::{NAME, PASSWORD, USER};
use crate::support::mariadb::pam_module;
use crate::support::{Answer, Daemon, Database, Engine, PamService, Program, Request};

/// How pam_mysql names what is in the column, how ours does, and the hash of `right`.
const KINDS: [(&str, &str, &str); 4] = [
    ("0", "PLAIN", "right"),
    ("1", "CRYPT", "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
    ("3", "PLAIN-MD5", "7c4f29407893c334a6cb7a87bf045c0d"),
    ("4", "SHA1.HEX", "d27a1f11771200949714b1af99f048a416f5d6f4"),
];

#[test]
fn a_table_of_pam_mysql_is_served_with_its_verdicts() {
    require!(Root, CDaemon, Mariadb, PamMysql);
    let database = Engine::Mariadb.start();
    let Database::Mariadb(server) = &database else { unreachable!("it was asked for") };
    for (kind, scheme, hash) in KINDS {
        database.run("DELETE FROM users;\n");
        database.add("anna", "", Some(hash)).add("empty", "", Some("")).add("null", "", None);
        let service = PamService::of(
            &format!(
                "{} host={} user={USER} passwd={PASSWORD} db={NAME} table=users usercolumn=login \
                 passwdcolumn=password crypt={kind}",
                pam_module().unwrap().display(),
                server.socket().display(),
            ),
            "pam_permit.so",
        );
        let theirs = Daemon::start(Program::C, &["-a", "pam", "-n", "1"]);
        let settings = format!("{}sql_select: {SELECT}\nsql_default_scheme: {scheme}\n", database.settings());
        let ours = launch(&settings).start();
        for (login, password, expected) in [
            ("anna", "right", "OK"),
            ("anna", "wrong", "NO"),
            ("eva", "right", "NO"),
            ("null", "right", "NO"),
            ("empty", "right", "NO"),
            ("o'brien", "right", "NO"),
        ] {
            let answer = theirs.ask(&Request::new(login, password).service(service.name()));
            assert!(
                matches!(&answer, Answer::Text(text) if text.starts_with(expected)),
                "pam_mysql, {scheme}: {login} {password}: {answer:?}"
            );
            assert_eq!(ask(&ours, login, password), expected, "{scheme}: {login} {password}");
        }
    }
}
