//! What a process of the daemon may still do once it is set up: whose system calls it has, what it may read, where it may
//! connect. Described here, put in force by `sys::sandbox`.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where names of ports are looked up.
pub const SERVICES: &str = "/etc/services";

/// What libc reads when it looks at the time zone again; nobody but the administrator writes there.
const TIME_ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// What a descriptor is kept open on for the moment in which there are no more.
const NULL: &str = "/dev/null";

/// Where distributions keep the certificates to which the links in OpenSSL's own directory lead. OpenSSL opens them
/// during handshakes, when their hashes are asked for.
pub const AUTHORITIES: [&str; 7] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/usr/lib/ssl/certs",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
];

/// Where modules of nsswitch.conf have their libraries, settings, caches and sockets, whoever wrote them.
const NAME_SERVICES: [&str; 16] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run",
    "/var/lib",
    "/var/db",
    "/var/yp",
    "/var/opt",
    "/var/cache/nscd",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/proc/sys/crypto",
    "/dev/null",
    "/dev/urandom",
];

/// What kind of process it is, by which it has its system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The event loop, which reads what strangers send.
    Frontend,
    /// A worker for errands: it looks names up, by modules that may be anybody's, and computes hashes.
    Errands,
    /// A worker that checks passwords with what it has open already.
    Checks,
}

/// Where TCP connections may lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// Anywhere.
    Any,
    /// To these ports, at whatever host.
    Only(BTreeSet<u16>),
}

/// What a process may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Which system calls.
    pub role: Role,
    /// Files and whole directories that it may read. None can be written, made, removed or executed.
    pub readable: Vec<PathBuf>,
    /// Where it may connect. It can listen nowhere.
    pub ports: Ports,
}

impl Rules {
    /// Of the frontend, which connects to no port unless [`Self::allow_port`] says so. `authorities` are the
    /// directories of certificates that it may come back to.
    pub fn frontend(authorities: impl IntoIterator<Item = PathBuf>) -> Self {
        let always = TIME_ZONES.iter().chain([&NULL]).chain(&AUTHORITIES).map(PathBuf::from);
        let readable = always.chain(authorities).collect();
        Self { role: Role::Frontend, readable, ports: Ports::Only(BTreeSet::new()) }
    }

    /// Of a worker for errands. A module may ask servers by TCP, at ports that only its settings tell.
    pub fn errands() -> Self {
        Self { role: Role::Errands, readable: NAME_SERVICES.map(PathBuf::from).into(), ports: Ports::Any }
    }

    /// Of a worker that checks passwords with what it has open.
    pub fn checks() -> Self {
        let readable = TIME_ZONES.iter().chain([&NULL]).map(PathBuf::from).collect();
        Self { role: Role::Checks, readable, ports: Ports::Only(BTreeSet::new()) }
    }

    /// Of a worker that asks servers through a client library, which looks up their names, has plugins, and reads
    /// certificates of authorities and `files` anew for each connection. `ports` are those of the servers if all of them are
    /// addresses; otherwise a module that looks up names may need others.
    pub fn client(files: impl IntoIterator<Item = PathBuf>, ports: Option<BTreeSet<u16>>) -> Self {
        let readable = NAME_SERVICES.iter().chain(&AUTHORITIES).map(PathBuf::from).chain(files).collect();
        Self { role: Role::Errands, readable, ports: ports.map_or(Ports::Any, Ports::Only) }
    }

    /// Of a worker that checks passwords with a file which is read in place: its directory, since there are others beside it
    /// and one that takes its place.
    pub fn file(path: &Path) -> Self {
        let mut rules = Self::checks();
        rules.readable.extend(path.parent().map(Path::to_owned));
        rules
    }

    /// Lets connections lead to a port, which is a number or a name from `services`, the text of [`SERVICES`]. A name that
    /// is not there may be known elsewhere; then connections may lead anywhere, and the answer is `false`.
    pub fn allow_port(&mut self, port: &str, services: &str) -> bool {
        match (port_number(port, services), &mut self.ports) {
            (_, Ports::Any) => true,
            (Some(number), Ports::Only(numbers)) => {
                numbers.insert(number);
                true
            }
            (None, ports) => {
                *ports = Ports::Any;
                false
            }
        }
    }

    /// Lets it read one more file or directory.
    pub fn allow_reading(&mut self, path: &Path) {
        self.readable.push(path.to_owned());
    }
}

/// The TCP port of that number or name.
fn port_number(port: &str, services: &str) -> Option<u16> {
    port.parse().ok().or_else(|| services.lines().find_map(|line| port_in_line(line, port)))
}

/// A line is `NAME PORT/tcp ALIAS… # comment`.
fn port_in_line(line: &str, name: &str) -> Option<u16> {
    let mut words = line.split('#').next()?.split_whitespace();
    let (first, place) = (words.next()?, words.next()?);
    let number = place.strip_suffix("/tcp")?;
    std::iter::once(first).chain(words).any(|word| word == name).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# imap 1/tcp\nimap 144/udp\nimap2\t\t143/tcp  imap\t# interim 143/tcp\nldaps 636/tcp\nodd 99999/tcp\n";

    fn ports_after(names: &[&str]) -> (Vec<bool>, Ports) {
        let mut rules = Rules::frontend([]);
        (names.iter().map(|name| rules.allow_port(name, TEXT)).collect(), rules.ports)
    }

    #[test]
    fn a_frontend_without_servers_connects_to_no_port() {
        assert_eq!(Rules::frontend([]).ports, Ports::Only(BTreeSet::new()));
    }

    #[test]
    fn who_checks_passwords_with_what_is_open_reads_nothing_of_interest_and_connects_nowhere() {
        let rules = Rules::checks();
        assert_eq!((rules.role, rules.ports), (Role::Checks, Ports::Only(BTreeSet::new())));
        let named = ["/etc/localtime", "/usr/share/zoneinfo", "/dev/null"].map(PathBuf::from);
        assert_eq!(rules.readable, named);
    }

    #[test]
    fn a_client_connects_where_its_servers_are_and_a_file_is_read_where_it_is() {
        let client = Rules::client(["/srv/ca.pem".into()], Some([5432].into()));
        assert_eq!((client.role, &client.ports), (Role::Errands, &Ports::Only([5432].into())));
        assert!(client.readable.contains(&"/srv/ca.pem".into()) && client.readable.contains(&"/etc".into()));
        assert_eq!(Rules::client([], None).ports, Ports::Any);
        let file = Rules::file(Path::new("/srv/mail/users.db"));
        assert_eq!((file.role, &file.ports), (Role::Checks, &Ports::Only(BTreeSet::new())));
        assert!(file.readable.contains(&"/srv/mail".into()) && !file.readable.contains(&"/etc".into()));
    }

    #[test]
    fn ports_are_numbers_or_names_and_aliases_of_the_file() {
        let (known, ports) = ports_after(&["389", "imap", "ldaps"]);
        assert_eq!((known, ports), (vec![true; 3], Ports::Only([143, 389, 636].into())));
    }

    #[test]
    fn a_name_that_the_file_has_not_leaves_connections_free_and_is_told() {
        for name in ["nosuch", "odd", "imap2x", "interim", "", "0x50"] {
            assert_eq!(ports_after(&["389", name, "636"]), (vec![true, false, true], Ports::Any), "{name}");
        }
    }

    #[test]
    fn what_others_need_can_be_added() {
        let mut rules = Rules::frontend(["/srv/authorities".into()]);
        rules.allow_reading(Path::new("/srv/more"));
        let has = |path: &str| rules.readable.iter().any(|one| one == Path::new(path));
        assert!(has("/srv/authorities") && has("/srv/more") && has("/etc/localtime") && !has("/etc"));
    }
}
