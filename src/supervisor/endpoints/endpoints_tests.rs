use super::*;
use crate::sys::activation::HandedIn;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use tempfile::{TempDir, tempdir};

fn endpoint(directory: &TempDir, name: &str) -> Endpoint {
    Endpoint::at(&directory.path().join(name)).unwrap()
}

fn open(endpoints: &mut Endpoints, wanted: &[Endpoint]) -> Result<Vec<Listening>, EndpointError> {
    endpoints.open(wanted, None, Occasion::Reload)
}

fn is_there(endpoint: &Endpoint) -> bool {
    fs::symlink_metadata(&endpoint.path).is_ok()
}

fn mode(endpoint: &Endpoint) -> u32 {
    fs::symlink_metadata(&endpoint.path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_unchanged_socket_stays_a_new_one_comes_and_an_old_one_goes_with_its_last_user() {
    let directory = tempdir().unwrap();
    let [kept, gone, new] = ["kept", "gone", "new"].map(|name| endpoint(&directory, name));
    let mut endpoints = Endpoints::new(Vec::new());
    let first = open(&mut endpoints, &[kept.clone(), gone.clone()]).unwrap();
    let waiting = UnixStream::connect(&kept.path).unwrap();
    let second = open(&mut endpoints, &[kept.clone(), new.clone()]).unwrap();
    assert!([&kept, &gone, &new].into_iter().all(is_there), "both frontends are there");
    drop(first);
    assert_eq!([&kept, &gone, &new].map(is_there), [true, false, true]);
    let listener = second.first().unwrap().descriptor().try_clone_to_owned().unwrap();
    UnixListener::from(listener).accept().unwrap();
    drop(waiting);
    endpoints.remove_files();
    assert!(![&kept, &new].into_iter().any(is_there));
}

#[test]
fn a_set_that_cannot_be_had_leaves_nothing_behind_and_changes_nothing() {
    let directory = tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| endpoint(&directory, name));
    let mut endpoints = Endpoints::new(Vec::new());
    let _first = open(&mut endpoints, std::slice::from_ref(&old)).unwrap();
    let changed = Endpoint { mode: 0o777, ..old.clone() };
    for bad in [
        endpoint(&directory, "missing/auth"),
        Endpoint { owner: Some("nobody-at-all".into()), ..endpoint(&directory, "other") },
        old.clone(),
    ] {
        let shown = bad.path.display().to_string();
        let refused = open(&mut endpoints, &[changed.clone(), new.clone(), bad]).err().unwrap().to_string();
        assert!(refused.contains(&shown), "{refused}");
        assert!(!is_there(&new) && mode(&old) == 0o660, "{refused}");
    }
    assert!(open(&mut endpoints, &[]).is_err());
}

#[test]
fn another_mode_is_applied_when_the_next_frontend_takes_over_and_not_before() {
    let directory = tempdir().unwrap();
    let old = endpoint(&directory, "auth");
    let mut endpoints = Endpoints::new(Vec::new());
    let _first = open(&mut endpoints, std::slice::from_ref(&old)).unwrap();
    let second = open(&mut endpoints, &[Endpoint { mode: 0o600, ..old.clone() }]).unwrap();
    assert_eq!(mode(&old), 0o660);
    second.iter().for_each(|listening| listening.apply().unwrap());
    assert_eq!(mode(&old), 0o600);
}

#[test]
fn a_socket_whose_file_is_gone_is_made_again() {
    let directory = tempdir().unwrap();
    let auth = endpoint(&directory, "auth");
    let wanted = std::slice::from_ref(&auth);
    let mut endpoints = Endpoints::new(Vec::new());
    let first = open(&mut endpoints, wanted).unwrap();
    fs::remove_file(&auth.path).unwrap();
    let second = open(&mut endpoints, wanted).unwrap();
    UnixStream::connect(&auth.path).unwrap();
    drop(first);
    assert!(is_there(&auth), "the old one takes the new one's file for none of its own");
    let third = open(&mut endpoints, wanted).unwrap();
    assert!(Rc::ptr_eq(&second.first().unwrap().socket, &third.first().unwrap().socket));
}

#[test]
fn whoever_takes_a_socket_away_prevents_no_reload() {
    let directory = tempdir().unwrap();
    let auth = endpoint(&directory, "auth");
    let wanted = std::slice::from_ref(&auth);
    let mut endpoints = Endpoints::new(Vec::new());
    let first = open(&mut endpoints, wanted).unwrap();
    fs::remove_file(&auth.path).unwrap();
    fs::write(&auth.path, "somebody's").unwrap();
    let second = open(&mut endpoints, wanted).unwrap();
    assert!(Rc::ptr_eq(&first.first().unwrap().socket, &second.first().unwrap().socket));
    drop((first, second));
    assert_eq!(fs::read(&auth.path).unwrap(), b"somebody's");
}

#[test]
fn two_paths_to_one_socket_are_an_error_that_names_both() {
    let directory = tempdir().unwrap();
    std::os::unix::fs::symlink(directory.path(), directory.path().join("link")).unwrap();
    let [one, other] = ["auth", "link/auth"].map(|name| endpoint(&directory, name));
    let refused = open(&mut Endpoints::new(Vec::new()), &[one.clone(), other.clone()]).err().unwrap();
    assert_eq!(refused.to_string(), format!("{} is the same socket as {}", other.name, one.name));
    assert!(!is_there(&one));
}

/// As systemd makes it.
fn handed_in(name: &str, path: &Path) -> HandedIn {
    HandedIn { name: name.to_owned(), descriptor: UnixListener::bind(path).unwrap().into() }
}

fn start(handed_in: Vec<HandedIn>, wanted: &[Endpoint]) -> Result<Vec<PathBuf>, String> {
    let mut endpoints = Endpoints::new(handed_in);
    let listening = endpoints.open(wanted, None, Occasion::Start).map_err(|error| error.to_string())?;
    listening.iter().for_each(|listening| listening.apply().unwrap());
    Ok(listening.iter().map(|listening| listening.path().to_owned()).collect())
}

#[test]
fn a_socket_that_was_handed_in_is_found_by_name_or_path_and_left_as_it_is() {
    let directory = tempdir().unwrap();
    let [one, other, own] = ["one", "other", "own"].map(|name| endpoint(&directory, name));
    std::os::unix::fs::symlink(directory.path(), directory.path().join("link")).unwrap();
    let all = vec![
        handed_in(&one.name, &directory.path().join("elsewhere")),
        handed_in("saslauthd.socket", &directory.path().join("link/other")),
    ];
    let before = mode(&other);
    assert_eq!(start(all, &[one, other.clone(), own.clone()]).unwrap().len(), 3);
    assert!(is_there(&other) && !is_there(&own), "ours alone is removed");
    assert_eq!(mode(&other), before);
}

#[test]
fn a_socket_that_belongs_nowhere_or_is_none_stops_the_start_and_is_named() {
    let directory = tempdir().unwrap();
    let one = endpoint(&directory, "one");
    let twice = || {
        vec![handed_in("a", &directory.path().join("one")), handed_in(&one.name, &directory.path().join("2"))]
    };
    let datagrams = UnixDatagram::bind(directory.path().join("datagrams")).unwrap();
    for (all, named) in [
        (vec![handed_in("stray", &directory.path().join("stray"))], "/stray) was passed in"),
        (
            vec![HandedIn { name: one.name.clone(), descriptor: datagrams.into() }],
            "is not a listening Unix stream socket",
        ),
        (twice(), "twice"),
    ] {
        let refused = start(all, std::slice::from_ref(&one)).unwrap_err();
        assert!(refused.contains(named), "{refused}");
    }
}

fn control(directory: &TempDir, name: &str, required: bool) -> ControlSocket {
    ControlSocket { endpoint: Endpoint::control(directory.path().join(name)), required }
}

#[test]
fn a_control_socket_is_for_root_and_whoever_starts_the_daemon_and_stays_over_reloads() {
    let directory = tempdir().unwrap();
    let (mux, control) = (endpoint(&directory, "mux"), control(&directory, "control", false));
    let mut endpoints = Endpoints::new(Vec::new());
    let wanted = std::slice::from_ref(&mux);
    let first = endpoints.open(wanted, Some(&control), Occasion::Start).unwrap();
    assert_eq!(first.iter().map(Listening::is_control).collect::<Vec<_>>(), [false, true]);
    let listener = first.last().unwrap().listener();
    assert!(listener.allowed.users.contains(&0) && listener.allowed.groups.is_empty());
    assert_eq!(mode(&control.endpoint), 0o600);
    let waiting = UnixStream::connect(&control.endpoint.path).unwrap();
    let second = endpoints.open(wanted, Some(&control), Occasion::Reload).unwrap();
    drop(first);
    let listener = second.last().unwrap().descriptor().try_clone_to_owned().unwrap();
    UnixListener::from(listener).accept().unwrap();
    drop(waiting);
    endpoints.remove_files();
    assert!(!is_there(&control.endpoint));
}

#[test]
fn a_control_socket_that_cannot_be_had_keeps_nobody_from_starting_unless_it_was_asked_for() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let mux = endpoint(&directory, "mux");
    for name in ["missing/control", "file", "mux", &"x".repeat(200)] {
        let mut endpoints = Endpoints::new(Vec::new());
        let mut open = |required| {
            let control = control(&directory, name, required);
            endpoints.open(std::slice::from_ref(&mux), Some(&control), Occasion::Start)
        };
        assert_eq!(open(false).unwrap().len(), 1, "{name}");
        let error = open(true).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_control_socket_that_was_handed_in_is_found_by_name() {
    let directory = tempdir().unwrap();
    let (mux, control) = (endpoint(&directory, "mux"), control(&directory, "other", false));
    let listener = UnixListener::bind(directory.path().join("of-systemd")).unwrap();
    let handed_in = HandedIn { name: Endpoint::CONTROL.into(), descriptor: listener.into() };
    let mut endpoints = Endpoints::new(vec![handed_in]);
    let listening = endpoints.open(std::slice::from_ref(&mux), Some(&control), Occasion::Start).unwrap();
    UnixStream::connect(directory.path().join("of-systemd")).unwrap();
    let listener = listening.last().unwrap().descriptor().try_clone_to_owned().unwrap();
    UnixListener::from(listener).accept().unwrap();
    assert!(!is_there(&control.endpoint));
}
