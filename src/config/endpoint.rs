//! What can be said about a socket, on the command line (`--socket`) and in `[socket PATH]`: the same keys mean the same.
#![forbid(unsafe_code)]

use super::site::{Endpoint, Protocol};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The longest path of a socket in bytes: what `sun_path` of unix(7) holds beside its closing NUL.
pub const LONGEST_PATH: usize = 107;

/// The longest request at the control socket in bytes, with the end of its line.
pub const LONGEST_REQUEST: usize = 1024;

/// The most sockets of one daemon. What a frontend is told of all of them must fit into the buffer of its socket.
pub const MOST_ENDPOINTS: usize = 64;

/// With the control socket.
pub const MOST_LISTENERS: usize = MOST_ENDPOINTS + 1;

/// The most names in `allow-users` and in `allow-groups` each.
pub const MOST_ALLOWED: usize = 64;

/// The longest name of an account, a group or a service in bytes; Linux allows accounts 32 and groups as many, PAM's
/// services are names of files.
const LONGEST_NAME: usize = 255;

/// All keys, as [`Endpoint::set`] takes them.
pub const KEYS: [&str; 8] =
    ["mode", "owner", "group", "protocol", "service", "timeout", "allow-users", "allow-groups"];

/// The longest `timeout` in seconds: a day.
const LONGEST_TIMEOUT: u64 = 86_400;

impl Endpoint {
    /// The name of the classic socket.
    pub const MUX: &str = "mux";

    /// The classic socket in the run directory, open to everybody as in C.
    pub fn mux(run_directory: &Path) -> Self {
        let path = run_directory.join(Self::MUX);
        Self { mode: 0o777, ..Self::new(Self::MUX.to_owned(), path) }
    }

    /// The name of the control socket.
    pub const CONTROL: &str = "control";

    /// The control socket: for root and whoever started the daemon.
    pub fn control(path: PathBuf) -> Self {
        Self { mode: 0o600, protocol: Protocol::Control, ..Self::new(Self::CONTROL.to_owned(), path) }
    }

    /// A socket at `path` of which nothing else is said.
    ///
    /// # Errors
    /// A sentence that says why there can be none. Nothing outside is looked at.
    pub fn at(path: &Path) -> Result<Self, String> {
        let name = path.to_str().ok_or("the path of a socket must be UTF-8")?;
        if !path.is_absolute() {
            return Err(format!("the path of a socket must be absolute, and {name:?} is not"));
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(format!("the path of a socket must be plain, and {name:?} has .. in it"));
        }
        if name.ends_with('/') || path.file_name().is_none() {
            return Err(format!("{name:?} is the path of a directory, and a socket needs one of its own"));
        }
        if name.contains(char::is_control) {
            return Err(format!("the path of a socket must be printable, and {name:?} is not"));
        }
        let path: PathBuf = path.components().collect();
        let length = path.as_os_str().as_bytes().len();
        if length > LONGEST_PATH {
            return Err(format!(
                "the path {} is {length} bytes long, and that of a socket can have {LONGEST_PATH}",
                path.display()
            ));
        }
        Ok(Self::new(path.display().to_string(), path))
    }

    fn new(name: String, path: PathBuf) -> Self {
        Self {
            name,
            path,
            protocol: Protocol::Mux,
            mode: 0o660,
            owner: None,
            group: None,
            service: None,
            timeout: None,
            allow_users: Vec::new(),
            allow_groups: Vec::new(),
            line: None,
        }
    }

    /// Says one thing more about it. Lists are separated by `:`.
    ///
    /// # Errors
    /// A sentence about an unknown key or a value that it cannot have.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "mode" => self.mode = mode(value)?,
            "owner" => self.owner = Some(name(key, value)?),
            "group" => self.group = Some(name(key, value)?),
            "service" => self.service = Some(name(key, value)?),
            "timeout" => self.timeout = Some(timeout(value)?),
            "protocol" => self.protocol = protocol(value)?,
            "allow-users" => self.allow_users = names(key, value)?,
            "allow-groups" => self.allow_groups = names(key, value)?,
            _ => return Err(format!("a socket has no {key:?}; it has {}", KEYS.join(", "))),
        }
        Ok(())
    }
}

/// Whether these can be the sockets of one daemon.
///
/// # Errors
/// A sentence that names the path of two of them, or says that there are none or too many.
pub fn check(endpoints: &[Endpoint]) -> Result<(), String> {
    if endpoints.is_empty() {
        return Err(
            "with --no-mux no socket is left; give one with --socket=PATH or in a section [socket PATH]"
                .to_owned(),
        );
    }
    if endpoints.len() > MOST_ENDPOINTS {
        return Err(format!(
            "{} sockets are more than the {MOST_ENDPOINTS} that there can be",
            endpoints.len()
        ));
    }
    let mut paths = BTreeSet::new();
    let twice = endpoints.iter().find(|endpoint| !paths.insert(&endpoint.path));
    let Some(twice) = twice else { return Ok(()) };
    let path = twice.path.display();
    let is_mux = endpoints.iter().any(|other| other.path == twice.path && other.name == Endpoint::MUX);
    Err(match is_mux {
        true => format!("the socket {path} exists already: it is the mux of -m, which --no-mux omits"),
        false => format!("the socket {path} is named twice"),
    })
}

/// Permission bits, as chmod(1) takes them in digits.
fn mode(value: &str) -> Result<u32, String> {
    let is_octal =
        (1..=4).contains(&value.len()) && value.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let bits = if is_octal { u32::from_str_radix(value, 8).ok() } else { None };
    bits.filter(|bits| *bits <= 0o777)
        .ok_or_else(|| format!("mode takes octal digits from 0 to 0777, such as 0660, not {value:?}"))
}

fn timeout(value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (1..=LONGEST_TIMEOUT).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        format!("timeout takes a number of seconds from 1 to {LONGEST_TIMEOUT}, not {value:?}")
    })
}

fn protocol(value: &str) -> Result<Protocol, String> {
    match value {
        "mux" => Ok(Protocol::Mux),
        "dovecot" => Ok(Protocol::Dovecot),
        _ => Err(format!("protocol takes mux or dovecot, not {value:?}")),
    }
}

fn name(key: &str, value: &str) -> Result<String, String> {
    if value.is_empty() || value.len() > LONGEST_NAME {
        return Err(format!("{key} takes a name of 1 to {LONGEST_NAME} bytes, not {value:?}"));
    }
    Ok(value.to_owned())
}

fn names(key: &str, value: &str) -> Result<Vec<String>, String> {
    let names = value.split(':').map(|one| name(key, one)).collect::<Result<Vec<_>, _>>()?;
    if names.len() > MOST_ALLOWED {
        return Err(format!("{key} takes at most {MOST_ALLOWED} names, not {}", names.len()));
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(path: &str) -> Endpoint {
        Endpoint::at(Path::new(path)).unwrap()
    }

    #[test]
    fn a_socket_of_which_nothing_is_said_is_for_its_owner_and_group() {
        let endpoint = at("/run/a/auth");
        assert_eq!((endpoint.mode, endpoint.protocol), (0o660, Protocol::Mux));
        assert_eq!((endpoint.owner, endpoint.service), (None, None));
        assert_eq!(Endpoint::mux(Path::new("/run/a")).mode, 0o777, "as in C");
    }

    #[test]
    fn a_path_has_one_spelling() {
        assert_eq!(at("/run//a/./auth").name, "/run/a/auth");
        assert_eq!(check(&[at("/run/a"), at("//run/a")]).unwrap_err(), "the socket /run/a is named twice");
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_an_error_that_says_why() {
        for (path, why) in [
            ("auth", "absolute"),
            ("", "absolute"),
            ("/", "directory"),
            ("/run/a/", "directory"),
            ("/run/../etc/a", ".."),
            ("/run/a\nb", "printable"),
        ] {
            let error = Endpoint::at(Path::new(path)).unwrap_err();
            assert!(error.contains(why), "{path:?}: {error}");
        }
        let longest = format!("/{}", "x".repeat(LONGEST_PATH - 1));
        assert!(Endpoint::at(Path::new(&longest)).is_ok());
        assert!(Endpoint::at(Path::new(&(longest + "x"))).unwrap_err().contains("108 bytes"));
    }

    #[test]
    fn every_key_lands_where_it_belongs() {
        let mut endpoint = at("/run/a/auth");
        for (key, value) in [
            ("mode", "600"),
            ("owner", "postfix"),
            ("group", "mail"),
            ("protocol", "dovecot"),
            ("service", "smtp"),
            ("timeout", "20"),
            ("allow-users", "postfix:root"),
            ("allow-groups", "domain users"),
        ] {
            endpoint.set(key, value).unwrap();
        }
        let expected = Endpoint {
            mode: 0o600,
            owner: Some("postfix".into()),
            group: Some("mail".into()),
            protocol: Protocol::Dovecot,
            service: Some("smtp".into()),
            timeout: Some(Duration::from_secs(20)),
            allow_users: vec!["postfix".into(), "root".into()],
            allow_groups: vec!["domain users".into()],
            ..at("/run/a/auth")
        };
        assert_eq!(endpoint, expected);
    }

    #[test]
    fn a_value_that_a_key_cannot_have_is_an_error_that_names_both() {
        for (key, value) in [
            ("mode", ""),
            ("mode", "1777"),
            ("mode", "0o660"),
            ("mode", "rw"),
            ("mode", "00660"),
            ("owner", ""),
            ("group", ""),
            ("service", ""),
            ("protocol", "Dovecot"),
            ("allow-users", "a::b"),
            ("allow-groups", ""),
            ("owners", "a"),
        ] {
            let error = at("/a").set(key, value).unwrap_err();
            assert!(error.contains(key), "{key}={value}: {error}");
        }
        let many = vec!["a"; MOST_ALLOWED + 1].join(":");
        assert!(at("/a").set("allow-users", &many).is_err());
    }

    #[test]
    fn no_socket_too_many_and_the_path_of_mux_are_errors() {
        assert!(check(&[]).unwrap_err().contains("--no-mux"));
        let many: Vec<_> = (0..=MOST_ENDPOINTS).map(|number| at(&format!("/run/{number}"))).collect();
        assert!(check(&many).is_err());
        assert_eq!(check(many.get(1..).unwrap()), Ok(()));
        let error = check(&[Endpoint::mux(Path::new("/run/a")), at("/run/a/mux")]).unwrap_err();
        assert!(error.contains("/run/a/mux") && error.contains("mux of -m"), "{error}");
    }
}
