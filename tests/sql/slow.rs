//! Servers that say something now and then and never enough, and name servers that say nothing: the next server is asked.

use super::{SELECT, ask, launch, selecting};
use crate::support::address::own_address;
use crate::support::{
    Authority, Certificate, Daemon, Database, Engine, Fault, Mariadb, Moment, Postgresql, Proxy, System,
};
use std::fs::Permissions;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

for_each_database_server!(
    a_server_that_drips_is_left_for_the_next_and_remembered,
    a_server_that_drips_while_tls_is_agreed_on_is_left_for_the_next,
    a_name_that_no_name_server_tells_is_left_for_the_next_server,
);

/// Enough for a server that is well, on a loaded machine.
const TIMES: &str = "sql_connect_timeout: 3\nsql_answer_timeout: 3\n";

/// One where the password of `anna` is this.
fn database(engine: Engine, certificate: Option<&Certificate>, password: &str) -> Database {
    let database = match engine {
        Engine::Postgresql => {
            let server = Postgresql::new();
            Database::Postgresql(certificate.into_iter().fold(server, Postgresql::with_certificate).start())
        }
        _ => {
            let server = Mariadb::new();
            Database::Mariadb(certificate.into_iter().fold(server, Mariadb::with_certificate).start())
        }
    };
    database.run("CREATE TABLE users (login VARCHAR(200), password VARCHAR(200));\n");
    database.run(&format!("INSERT INTO users VALUES ('anna', '{password}');\n"));
    database.grant("users");
    database
}

fn address(database: &Database) -> SocketAddr {
    match database {
        Database::Postgresql(server) => server.socket_address(),
        Database::Mariadb(server) => server.socket_address(),
        Database::Sqlite(_) => unreachable!("it is no server"),
    }
}

fn settings(database: &Database, hosts: &str) -> String {
    let settings = match database {
        Database::Postgresql(server) => server.settings_at(hosts),
        Database::Mariadb(server) => server.settings_at(hosts),
        Database::Sqlite(_) => unreachable!("it is no server"),
    };
    format!("{}{TIMES}", selecting(&settings, SELECT))
}

/// The first login is answered by the second server, which alone knows that password, and the next ones do without the first.
#[track_caller]
fn expect_second(daemon: &Daemon, first: &Proxy, when: &str) {
    assert_eq!(ask(daemon, "anna", "second"), "OK", "{when}");
    assert_eq!(first.faults(), 1, "{when}");
    for _ in 0..3 {
        assert_eq!(ask(daemon, "anna", "second"), "OK", "{when}");
        assert_eq!(ask(daemon, "anna", "first"), "NO", "{when}");
    }
    assert_eq!(first.connections(), 1, "{when}: it is remembered");
}

fn a_server_that_drips_is_left_for_the_next_and_remembered(engine: Engine) {
    let (first, second) = (database(engine, None, "first"), database(engine, None, "second"));
    for moment in [Moment::Connected, Moment::Sent(b"sasl"), Moment::Sent(b"SELECT password")] {
        let proxy = Proxy::before(address(&first));
        proxy.spoil(moment, Fault::Drip);
        let hosts = format!("{}, {}", proxy.address(), address(&second));
        let daemon = launch(&settings(&second, &hosts)).with(&["-n", "1"]).start();
        expect_second(&daemon, &proxy, &format!("{moment:?}"));
        daemon.log.wait_for(&format!("{} did not answer in time", proxy.address()));
    }
}

fn a_server_that_drips_while_tls_is_agreed_on_is_left_for_the_next(engine: Engine) {
    let authority = Authority::new();
    let certificate = authority.issue(&["database.example.test"]);
    let (first, second) =
        (database(engine, Some(&certificate), "first"), database(engine, Some(&certificate), "second"));
    // A handshake record of TLS: the client's first.
    let hello = Moment::Sent(&[0x16, 3, 1]);
    let proxy = Proxy::before(address(&first));
    proxy.spoil(hello, Fault::Drip);
    let hosts = format!("{}, {}", proxy.address(), address(&second));
    let lines = format!("{}sql_usessl: yes\nsql_tls_check_peer: no\n", settings(&second, &hosts));
    let daemon = launch(&lines).with(&["-n", "1"]).start();
    expect_second(&daemon, &proxy, "TLS");
}

fn a_name_that_no_name_server_tells_is_left_for_the_next_server(engine: Engine) {
    require!(Root, Mounts);
    let second = database(engine, None, "second");
    // It hears each query and answers none.
    let silent = UdpSocket::bind((own_address(), 53)).unwrap();
    let conf = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(conf.path(), format!("nameserver {}\n", silent.local_addr().unwrap().ip())).unwrap();
    let lines = settings(&second, &format!("database.example.test, {}", address(&second)));
    // The account of the workers reads it.
    std::fs::set_permissions(conf.path(), Permissions::from_mode(0o644)).unwrap();
    let daemon =
        launch(&lines).with(&["-n", "1"]).inside(&System::new()).after(&mounted(conf.path())).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "second"), "OK");
    }
    daemon.log.wait_for("no name server has told its address in time");
    // Nor does one that is alone make anybody wrong.
    let alone = lines.replace(&format!(", {}", address(&second)), "");
    let alone = launch(&alone).inside(&System::new()).after(&mounted(conf.path())).start();
    assert!(ask(&alone, "anna", "second").is_none());
}

fn mounted(conf: &Path) -> String {
    format!("mount --bind {} /etc/resolv.conf", conf.display())
}
