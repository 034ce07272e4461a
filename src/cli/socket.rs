//! `--socket PATH[,key=value]…`
#![forbid(unsafe_code)]

use super::value::{InvalidValue, shown};
use crate::config::ControlSocket;
use crate::config::endpoint;
use crate::config::site::Endpoint;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One socket. A path with a comma in it can only be written in the file.
pub(super) fn read(value: &OsStr) -> Result<Endpoint, InvalidValue> {
    let wrong = |why: String| InvalidValue(format!("--socket={}: {why}", shown(value)));
    let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
    let mut parts = text.split(',');
    let mut endpoint = Endpoint::at(Path::new(parts.next().unwrap_or_default())).map_err(wrong)?;
    let mut keys = BTreeSet::new();
    for part in parts {
        let (key, value) = part.split_once('=').ok_or_else(|| wrong(no_key(part)))?;
        if !keys.insert(key) {
            return Err(wrong(format!("{key} is given twice")));
        }
        endpoint.set(key, value).map_err(wrong)?;
    }
    Ok(endpoint)
}

fn no_key(part: &str) -> String {
    format!(
        "{part:?} is not a key=value (a path with a comma can be named in the file only, as [socket PATH])"
    )
}

/// `--control`
#[derive(Clone)]
pub(super) enum ControlChoice {
    /// No control socket.
    No,
    /// There, or the daemon does not start.
    At(PathBuf),
}

/// `no`, or the path of the control socket.
pub(super) fn control(value: &OsStr) -> Result<ControlChoice, InvalidValue> {
    if value == OsStr::new("no") {
        return Ok(ControlChoice::No);
    }
    let wrong = |why| InvalidValue(format!("--control={}: {why}", shown(value)));
    let endpoint = Endpoint::at(Path::new(value)).map_err(wrong)?;
    Ok(ControlChoice::At(endpoint.path))
}

/// The control socket: that of the command line, which must not be one of `others`, else `control` in the run directory,
/// which is given up if it cannot be had.
pub(super) fn control_socket(
    run_directory: &Path,
    choice: Option<ControlChoice>,
    others: &[Endpoint],
) -> Result<Option<ControlSocket>, InvalidValue> {
    match choice {
        Some(ControlChoice::No) => Ok(None),
        Some(ControlChoice::At(path)) => {
            if others.iter().any(|other| other.path == path) {
                let path = path.display();
                return Err(InvalidValue(format!("--control: the socket {path} is there already")));
            }
            Ok(Some(ControlSocket { endpoint: Endpoint::control(path), required: true }))
        }
        None => {
            let endpoint = Endpoint::control(run_directory.join(Endpoint::CONTROL));
            Ok(Some(ControlSocket { endpoint, required: false }))
        }
    }
}

/// All sockets of the command line, `mux` first. Whether any is left, with those of the file, is known later.
pub(super) fn all(
    run_directory: &Path,
    no_mux: bool,
    others: Vec<Endpoint>,
) -> Result<Vec<Endpoint>, InvalidValue> {
    let mux = (!no_mux).then(|| Endpoint::mux(run_directory));
    let all: Vec<_> = mux.into_iter().chain(others).collect();
    if !all.is_empty() {
        endpoint::check(&all).map_err(|why| InvalidValue(format!("--socket: {why}")))?;
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_all(values: &[&str], no_mux: bool) -> Result<Vec<Endpoint>, String> {
        let others = values.iter().map(|value| read(OsStr::new(value))).collect::<Result<Vec<_>, _>>();
        let all = others.and_then(|others| all(Path::new("/run/a"), no_mux, others));
        all.map_err(|InvalidValue(text)| text)
    }

    #[test]
    fn the_sockets_of_a_line_are_those_named_behind_the_mux() {
        let line = "/spool/auth,mode=0600,owner=postfix,allow-users=postfix:root";
        let all = read_all(&[line, "/run/b"], false).unwrap();
        let names: Vec<_> = all.iter().map(|endpoint| endpoint.name.as_str()).collect();
        assert_eq!(names, ["mux", "/spool/auth", "/run/b"]);
        assert_eq!(all.get(1).map(|endpoint| endpoint.allow_users.len()), Some(2));
        assert_eq!(read_all(&["/run/b"], true).unwrap().len(), 1);
        assert_eq!(read_all(&[], true).unwrap(), []);
    }

    fn control_of(value: Option<&str>) -> Result<Option<ControlSocket>, String> {
        let choice = value.map(|value| control(OsStr::new(value))).transpose();
        let others = [Endpoint::mux(Path::new("/run/a"))];
        choice
            .and_then(|choice| control_socket(Path::new("/run/a"), choice, &others))
            .map_err(|InvalidValue(text)| text)
    }

    #[test]
    fn only_a_control_socket_that_is_named_is_one_that_the_daemon_cannot_do_without() {
        let at = |path: &str, required| {
            Ok(Some(ControlSocket { endpoint: Endpoint::control(path.into()), required }))
        };
        assert_eq!(control_of(None), at("/run/a/control", false));
        assert_eq!(control_of(Some("/run//b")), at("/run/b", true));
        assert_eq!(control_of(Some("no")), Ok(None));
        for (value, text) in [
            ("yes", "--control=\"yes\": the path of a socket must be absolute, and \"yes\" is not"),
            ("/run/a/mux", "--control: the socket /run/a/mux is there already"),
        ] {
            assert_eq!(control_of(Some(value)).unwrap_err(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_a_sentence_with_the_value_in_it() {
        for (value, text) in [
            ("auth", "--socket=\"auth\": the path of a socket must be absolute, and \"auth\" is not"),
            (
                "/a,mode",
                "--socket=\"/a,mode\": \"mode\" is not a key=value (a path with a comma can be named in the file only, as [socket PATH])",
            ),
            (
                "/a,",
                "--socket=\"/a,\": \"\" is not a key=value (a path with a comma can be named in the file only, as [socket PATH])",
            ),
            ("/a,mode=1,mode=2", "--socket=\"/a,mode=1,mode=2\": mode is given twice"),
            (
                "/a,mode=9",
                "--socket=\"/a,mode=9\": mode takes octal digits from 0 to 0777, such as 0660, not \"9\"",
            ),
            (
                "/run/a/mux",
                "--socket: the socket /run/a/mux exists already: it is the mux of -m, which --no-mux omits",
            ),
        ] {
            assert_eq!(read_all(&[value], false).unwrap_err(), text);
        }
        assert!(read_all(&["/run/a/mux"], true).is_ok());
    }
}
