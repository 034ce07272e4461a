//! What the tests share: the two programs, a daemon in a private directory, raw clients, a private system.

#[macro_use]
pub mod requirement;
#[macro_use]
pub mod program;
pub mod address;
pub mod auth_client;
#[macro_use]
pub mod auth_server;
pub mod background;
pub mod certificates;
pub mod client;
pub mod command;
pub mod confinement;
pub mod cyrus;
pub mod daemon;
#[macro_use]
pub mod database;
pub mod dovecot;
pub mod fail2ban;
pub mod fake;
pub mod fake_http;
pub mod fake_ldap;
pub mod in_process;
pub mod kerberos;
pub mod lines;
pub mod load;
pub mod log_readers;
pub mod mariadb;
pub mod mux_client;
pub mod nginx;
pub mod pam;
pub mod pgbouncer;
pub mod postgresql;
pub mod process;
pub mod proxy;
pub mod samba;
pub mod server;
pub mod skipped;
pub mod slapd;
pub mod sqlite;
pub mod supervisord;
pub mod system;
pub mod waiting;

pub use auth_client::AuthClient;
pub use auth_server::{AuthLaunch, AuthServer, RunningAuthServer};
pub use certificates::{Authority, Certificate, Details};
pub use client::{Answer, Connection, Request};
pub use command::Finished;
pub use cyrus::Cyrus;
pub use daemon::{Daemon, Launch};
pub use database::{Database, Engine};
pub use dovecot::{Dovecot, RunningDovecot};
pub use fake::FakeImap;
pub use fake_http::FakeHttp;
pub use fake_ldap::{Asked, FakeLdap, RunningFakeLdap};
pub use load::under_load;
pub use mariadb::{Mariadb, RunningMariadb};
pub use mux_client::MuxClient;
pub use nginx::{Nginx, RunningNginx};
pub use pam::{PamService, Probe, Probed};
pub use pgbouncer::Pgbouncer;
pub use postgresql::{Postgresql, RunningPostgresql};
pub use process::Process;
pub use program::Program;
pub use proxy::{Fault, Moment, Proxy};
pub use requirement::Requirement;
pub use slapd::{Entries, RunningSlapd, Slapd};
pub use sqlite::Sqlite;
pub use system::System;
pub use waiting::{PATIENCE, eventually, within};
