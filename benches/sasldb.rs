//! sasldb: a database of a thousand users, as saslpasswd2 writes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::network::peers::{login, password};
use crate::network::{Setup, measure_all};
use crate::process::run_with_input;
use crate::report::Findings;
use crate::server::Kind;
use crate::{Bench, Fallible};

/// Where C's daemon looks for it, and nowhere else.
pub(crate) const PATH: &str = "/etc/sasldb2";

const USERS: usize = 1000;
const CLIENTS: [usize; 3] = [1, 50, 500];

/// Puts a database in the place of the machine's, for one daemon only, and becomes that daemon.
const ENTER: &str = "mount --bind \"$1\" /etc/sasldb2 && shift && exec \"$@\"";

/// Both daemons read the same file.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("sasldb2");
    fill(&file)?;
    let file = file.display().to_string();
    let prefix = ["unshare", "--mount", "sh", "-c", ENTER, "enter", &file];
    let title = "A database of libsasl with 1,000 users (`-a sasldb`)";
    let setup = Setup { title, prefix: &prefix, logins: USERS, clients: &CLIENTS };
    let results = measure_all(bench, &setup, |_| ["-a", "sasldb"], findings)?;
    // One client alone waits for two processes here, and for one in C.
    for clients in CLIENTS.into_iter().filter(|clients| *clients > 1) {
        let medians = (results.median(clients, Kind::Ours), results.median(clients, Kind::C));
        let (Some(ours), Some(c)) = medians else { continue };
        let what = format!("sasldb, {clients} clients");
        findings.at_least(&format!("{what}: requests/s, ours/C"), ours.rate / c.rate, 1.5);
    }
    Ok(())
}

/// Of the realm that a login without one has: the name of the host.
fn fill(file: &Path) -> Fallible<()> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    for number in 0..USERS {
        let mut command = Command::new("saslpasswd2");
        command.args(["-p", "-c", "-u", host.trim(), "-f"]).arg(file).arg(login(number));
        run_with_input(&mut command, &password(number))?;
    }
    Ok(())
}
