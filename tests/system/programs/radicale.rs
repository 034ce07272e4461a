//! Radicale 2 with the plug-in radicale-auth-sasl of PyPI, a client of the socket in Python: it looks for it in
//! /var/sasl2, as it is on NixOS, where here is a link.

use super::http;
use crate::inside::{sh, start, wait_for_port, write};
use crate::trial::{Program, Realm};

/// Radicale.
pub struct Radicale;

impl Program for Radicale {
    const NAME: &str = "Radicale, radicale-auth-sasl";
    const PACKAGE: &str = "";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/opt/python/radicale_auth_sasl/__init__.py"];
    const SERVICE: &str = "caldav";
    const YES: &str = "200";
    const NO: &str = "401";
    const NOTHING: &str = "500";
    const REALM: Realm = Realm::Needed;

    fn start() -> Self {
        sh("ln -s /var/run/saslauthd /var/sasl2");
        write(
            "/etc/radicale/config",
            "[server]\nhosts = 127.0.0.1:5232\nmax_connections = 100\n[auth]\ntype = radicale_auth_sasl\ndelay = 0\n\
             [storage]\nfilesystem_folder = /var/lib/radicale\n[web]\ntype = none\n",
        );
        start("PYTHONPATH=/opt/python /usr/bin/python3 -m radicale --config /etc/radicale/config");
        wait_for_port(5232);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        http::log_in(5232, "OPTIONS /", login, password)
    }

    fn version() -> String {
        let line = "cd /opt/python && ls -d radicale_auth_sasl-*.dist-info";
        sh(line)
            .trim_end()
            .trim_start_matches("radicale_auth_sasl-")
            .trim_end_matches(".dist-info")
            .to_owned()
    }
}
