//! Mechanisms that ask servers: IMAP, LDAP and Kerberos, real ones and one that takes its time.

mod certificate;
pub(crate) mod imap;
pub(crate) mod kerberos;
pub(crate) mod peers;

use std::time::Duration;

use crate::load::{Generator, Group, Until, request};
use crate::report::{Findings, Row, Table};
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};
use imap::Manner;
use peers::{Peer, Security, login, password};

const CLIENTS: [usize; 3] = [1, 50, 500];
const USERS: usize = 1000;
/// How long the slow server takes.
const SLOWNESS: Duration = Duration::from_millis(200);

/// An IMAP server that answers after 200 ms, and 500 clients that want to log in.
pub(crate) fn slow_imap(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let address = imap::start(Manner::After(SLOWNESS))?;
    let option = format!("{}/{}", address.ip(), address.port());
    let title = format!("An IMAP server that answers after {SLOWNESS:?} (`-a rimap`)");
    let setup = Setup { title: &title, prefix: &[], logins: USERS, clients: &[500] };
    let results = measure_all(bench, &setup, |_| ["-a", "rimap", "-O", &option], findings)?;
    if let Some(ours) = results.median(500, Kind::Ours) {
        findings.at_least("slow IMAP server, 500 clients: requests/s", ours.rate, 2000.0);
    }
    Ok(())
}

/// A real IMAP server.
pub(crate) fn dovecot(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let peer = Peer::dovecot(USERS, Security::Clear)?;
    let option = format!("{}/{}", peer.address().ip(), peer.address().port());
    compare(bench, "Dovecot (`-a rimap`)", &["-a", "rimap", "-O", &option], findings)
}

/// A real IMAP server within TLS. C has none in rimap: it asks another such server in clear.
pub(crate) fn imaps(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let secure = Peer::dovecot(USERS, Security::Tls)?;
    let clear = Peer::dovecot(USERS, Security::Clear)?;
    let option = format!("imaps://{}", secure.address());
    let file = secure
        .file("saslauthd.conf", &format!("rimap_tls_cacert_file: {}\n", secure.certificate().display()))?;
    let config = format!("--config={}", file.display());
    let in_clear = format!("{}/{}", clear.address().ip(), clear.address().port());
    let flags = |kind| match kind {
        Kind::Ours => vec!["-a", "rimap", "-O", &option, &config],
        _ => vec!["-a", "rimap", "-O", &in_clear],
    };
    let setup = Setup::usual("Dovecot within TLS (`-a rimap`, imaps; C in clear)");
    measure_all(bench, &setup, flags, findings).map(drop)
}

/// A search and a bind for each login, within TLS.
pub(crate) fn ldaps(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let peer = Peer::slapd(USERS, Security::Tls)?;
    let keys = format!(
        "ldap_servers: ldaps://{}/\nldap_search_base: ou=people,dc=example,dc=org\nldap_filter: uid=%u\n\
         ldap_tls_cacert_file: {}\nldap_tls_check_peer: yes\n",
        peer.address(),
        peer.certificate().display()
    );
    let file = peer.file("saslauthd.conf", &keys)?;
    let option = file.display().to_string();
    let title = "slapd within TLS, search and bind (`-a ldap`, ldaps)";
    let flags = |_| ["-a", "ldap", "-O", &option];
    let results = measure_all(bench, &Setup::usual(title), flags, findings)?;
    if let (Some(ours), Some(c)) = (results.median(50, Kind::Ours), results.median(50, Kind::C)) {
        findings.at_least(&format!("{title}, 50 clients: requests/s, ours/C"), ours.rate / c.rate, 1.5);
        findings.at_most(&format!("{title}, 50 clients: CPU/request, ours/C"), ours.cpu / c.cpu, 0.7);
    }
    Ok(())
}

/// A search and a bind for each login.
pub(crate) fn ldap_bind(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let peer = Peer::slapd(USERS, Security::Clear)?;
    let keys = format!(
        "ldap_servers: ldap://{}/\nldap_search_base: ou=people,dc=example,dc=org\nldap_filter: uid=%u\n",
        peer.address()
    );
    let file = peer.file("saslauthd.conf", &keys)?;
    let option = file.display().to_string();
    compare(bench, "slapd, search and bind (`-a ldap`)", &["-a", "ldap", "-O", &option], findings)
}

/// A bind for each login.
pub(crate) fn ldap_fastbind(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let peer = Peer::slapd(USERS, Security::Clear)?;
    let keys = format!(
        "ldap_servers: ldap://{}/\nldap_auth_method: fastbind\nldap_filter: uid=%u,ou=people,dc=example,dc=org\n",
        peer.address()
    );
    let file = peer.file("saslauthd.conf", &keys)?;
    let option = file.display().to_string();
    compare(bench, "slapd, bind alone (`-a ldap`, fastbind)", &["-a", "ldap", "-O", &option], findings)
}

/// Two IMAP servers, the first of which never says a word.
pub(crate) fn hung(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let servers = [imap::start(Manner::Silent)?, imap::start(Manner::After(Duration::ZERO))?];
    let option = servers.map(|address| format!("imap://{address}")).join(" ");
    println!(
        "### The first of two IMAP servers hangs (`-a rimap`, ours; 50 clients, from the first login on)\n"
    );
    println!("| seconds | answered | p50 ms | p99 ms | longest ms |\n|--:|--:|--:|--:|--:|");
    let server = Server::start(Kind::Ours, &["-a", "rimap", "-O", &option])?;
    let mut generator = Generator::new(bench, server.socket(), vec![users(50, USERS)])?;
    let run = generator.run(Until::elapsed(Duration::from_secs(bench.options.pick(40, 15))))?;
    findings.check("one server of two hangs", &run);
    let Some(sample) = run.samples.first() else { return Ok(()) };
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let (p50, p99) = (flood::percentile(&sample.latencies, 50), flood::percentile(&sample.latencies, 99));
    println!(
        "| {:.0} | {} | {:.1} | {:.1} | {:.1} |\n",
        run.elapsed.as_secs_f64(),
        sample.latencies.len(),
        milliseconds(p50),
        milliseconds(p99),
        milliseconds(sample.latencies.last().copied().unwrap_or_default()),
    );
    findings.at_most("one IMAP server of two hangs: p99 in seconds", p99.as_secs_f64(), 0.2);
    Ok(())
}

/// At least the C daemon's throughput for at most its CPU time.
fn compare(bench: &Bench, title: &str, flags: &[&str], findings: &mut Findings) -> Fallible<()> {
    let results = measure_all(bench, &Setup::usual(title), |_| flags, findings)?;
    for clients in CLIENTS {
        let medians = (results.median(clients, Kind::Ours), results.median(clients, Kind::C));
        let (Some(ours), Some(c)) = medians else { continue };
        findings.at_least(
            &format!("{title}, {clients} clients: requests/s, ours/C"),
            ours.rate / c.rate,
            1.0,
        );
        findings.at_most(&format!("{title}, {clients} clients: CPU/request, ours/C"), ours.cpu / c.cpu, 1.0);
    }
    Ok(())
}

fn users(clients: usize, logins: usize) -> Group {
    let requests = (0..logins).map(|number| request(&login(number), &password(number), "smtp")).collect();
    Group { clients, requests, right: true }
}

/// Who logs in where.
pub(crate) struct Setup<'a> {
    /// Of the table.
    pub(crate) title: &'a str,
    /// Words before the command of a daemon that become it in the end.
    pub(crate) prefix: &'a [&'a str],
    /// How many there are, of which [`login`] and [`password`] tell name and password.
    pub(crate) logins: usize,
    /// Each of these numbers is measured.
    pub(crate) clients: &'a [usize],
}

impl<'a> Setup<'a> {
    fn usual(title: &'a str) -> Self {
        Self { title, prefix: &[], logins: USERS, clients: &CLIENTS }
    }
}

/// The rows by number of clients and daemon.
#[derive(Default)]
pub(crate) struct Results(Vec<(usize, Kind, Vec<Row>)>);

impl Results {
    fn add(&mut self, clients: usize, kind: Kind, row: Row) {
        match self.0.iter_mut().find(|(number, of, _)| (*number, *of) == (clients, kind)) {
            Some((_, _, rows)) => rows.push(row),
            None => self.0.push((clients, kind, vec![row])),
        }
    }

    /// The median of the rounds, if they were measured.
    pub(crate) fn median(&self, clients: usize, kind: Kind) -> Option<Row> {
        self.rows(clients, kind).map(|rows| Row::median(rows))
    }

    fn rows(&self, clients: usize, kind: Kind) -> Option<&Vec<Row>> {
        self.0.iter().find(|(number, of, _)| (*number, *of) == (clients, kind)).map(|(_, _, rows)| rows)
    }
}

/// Rounds in which the daemons take turns.
pub(crate) fn measure_all<'a, F: AsRef<[&'a str]>>(
    bench: &Bench,
    setup: &Setup<'_>,
    flags: impl Fn(Kind) -> F,
    findings: &mut Findings,
) -> Fallible<Results> {
    let Setup { title, clients: all_clients, .. } = setup;
    let mut results = Results::default();
    for round in 1..=bench.options.rounds {
        for clients in *all_clients {
            for kind in bench.options.daemons() {
                eprintln!("{title}: round {round}, {clients} clients, {}", kind.name());
                let flags = flags(kind);
                let server = Server::start_behind(setup.prefix, kind, flags.as_ref())?;
                let group = users(*clients, setup.logins);
                let mut generator = Generator::new(bench, server.socket(), vec![group])?;
                let what = format!("{} ({}), {clients} clients", kind.name(), flags.as_ref().join(" "));
                findings.check(&what, &generator.run(Until::elapsed(Duration::from_millis(500)))?);
                let until = Until::elapsed(bench.options.duration);
                let row = flood::measure(&server, &mut generator, until, &what, findings)?;
                results.add(*clients, kind, row);
            }
        }
    }
    let mut table = Table::new(title, "clients");
    for clients in *all_clients {
        let daemons = bench.options.daemons();
        table.group(
            *clients,
            daemons.filter_map(|kind| results.rows(*clients, kind).map(|rows| (kind, rows))),
        );
    }
    table.print();
    Ok(results)
}
