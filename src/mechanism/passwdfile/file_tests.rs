#![allow(clippy::unwrap_used)]

use super::*;
use crate::mechanism::file::LOOK;
use crate::mechanism::file::testing::OpenedHere;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;
use tempfile::TempDir;

fn at(path: &Path) -> PasswdFile {
    PasswdFile::new(path.to_owned(), Box::new(OpenedHere::at(path)))
}

fn read(path: &Path) -> Result<(Loaded, Vec<String>), FileError> {
    Loaded::read(File::open(path).unwrap(), path)
}

fn look_up(users: &mut PasswdFile, login: &[u8]) -> Result<Lookup, FileError> {
    users.lookup(login, Instant::now(), Level::Warn)
}

/// A hash that no password has, told apart by its last letters.
fn hash(name: &str) -> String {
    format!("$5$saltsalt${name:.>43}")
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    fs::write(&path, text).unwrap();
    (directory, path)
}

/// The hash that `login` has, if it has one.
fn known(users: &mut PasswdFile, login: &[u8]) -> Option<String> {
    match look_up(users, login).unwrap() {
        Lookup::Known(hash) => Some(String::from_utf8(hash.as_bytes().to_vec()).unwrap()),
        Lookup::Unknown(_) => None,
    }
}

#[test]
fn a_login_is_found_wherever_its_line_is() {
    let (_directory, path) =
        file(&format!("anna:{}\n# x\n\notto:{}:x\neva:{}", hash("A"), hash("O"), hash("E")));
    let mut users = at(&path);
    for (login, letter) in [("anna", "A"), ("otto", "O"), ("eva", "E")] {
        assert_eq!(known(&mut users, login.as_bytes()), Some(hash(letter)));
    }
}

#[test]
fn an_unknown_login_comes_with_the_hash_of_another() {
    let (_directory, path) = file(&format!("anna:{}\n", hash("A")));
    let Lookup::Unknown(Some(stand_in)) = look_up(&mut at(&path), b"eva").unwrap() else {
        panic!("no stand-in");
    };
    assert_eq!(stand_in.as_bytes(), hash("A").as_bytes());
    let (_directory, path) = file("");
    assert!(matches!(look_up(&mut at(&path), b"eva").unwrap(), Lookup::Unknown(None)));
}

#[test]
fn no_login_reaches_into_another_field_or_line() {
    let (_directory, path) = file(&format!("#hidden:{1}\nanna:{0}:{1}\notto:{1}\n", hash("A"), hash("O")));
    let mut users = at(&path);
    let inside = format!("anna:{}", hash("A"));
    let across = format!("{inside}:{}\notto", hash("O"));
    for login in
        [&inside, &across, "#hidden", "hidden", "anna:", "anna\n", "\nanna", ":anna", "ann", "annaa", ""]
    {
        assert_eq!(known(&mut users, login.as_bytes()), None, "{login}");
    }
}

#[test]
fn the_first_line_of_a_login_counts() {
    let (_directory, path) = file(&format!("anna:{}\notto:{}\nanna:{}\n", hash("1"), hash("O"), hash("2")));
    let (loaded, sentences) = read(&path).unwrap();
    assert!(
        sentences
            .contains(&"line 3 is skipped: the login is already on an earlier line, which counts".to_owned())
    );
    assert_eq!(loaded.index.len(), 2);
    assert_eq!(known(&mut at(&path), b"anna"), Some(hash("1")));
}

#[test]
fn a_bad_line_is_skipped_with_its_number_and_the_others_count() {
    let long = "x".repeat(LONGEST_LINE + 1);
    let (_directory, path) = file(&format!("anna\n\n{long}:x\n:x\notto:{}\neva:\nida:plain\n", hash("O")));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (_, sentences) = read(&path).unwrap();
    assert_eq!(
        sentences,
        [
            "line 1 is skipped: the line has no colon after the login",
            "line 3 is skipped: the line is longer than 8192 bytes",
            "line 4 is skipped: the line has no login",
            "line 6 is skipped: the login has no hash",
            "line 7 is skipped: the hash is not one that crypt(3) of this system can check",
        ]
    );
    assert_eq!(known(&mut at(&path), b"otto"), Some(hash("O")));
}

#[test]
fn a_file_that_everybody_can_read_is_told() {
    let (_directory, path) = file(&format!("anna:{}\n", hash("A")));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (_, sentences) = read(&path).unwrap();
    assert_eq!(sentences, ["it is open to everybody (mode 0644), make it 0600 or 0640"]);
}

#[test]
fn a_file_put_in_its_place_counts_at_the_next_login() {
    let (directory, path) = file(&format!("anna:{}\n", hash("1")));
    let mut users = at(&path);
    for number in 1..20 {
        assert_eq!(known(&mut users, b"anna"), Some(hash(&number.to_string())));
        let new = directory.path().join("new");
        fs::write(&new, format!("anna:{}\n", hash(&(number + 1).to_string()))).unwrap();
        fs::rename(&new, &path).unwrap();
    }
}

#[test]
fn a_file_written_to_counts_at_the_next_login() {
    let (_directory, path) = file(&format!("anna:{}\n", hash("A")));
    let mut users = at(&path);
    assert_eq!(known(&mut users, b"otto"), None);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(file, "otto:{}", hash("O")).unwrap();
    assert_eq!(known(&mut users, b"otto"), Some(hash("O")));
    // A new hash of the same length, perhaps within the same tick of the clock.
    fs::write(&path, format!("anna:{}\notto:{}\n", hash("B"), hash("O"))).unwrap();
    assert_eq!(known(&mut users, b"anna"), Some(hash("B")));
    fs::write(&path, format!("otto:{}\n", hash("O"))).unwrap();
    assert_eq!(known(&mut users, b"anna"), None);
}

#[test]
fn a_line_that_changed_under_the_index_never_gives_the_hash_of_another_login() {
    let before = format!("anna:{}\notto:{}\n", hash("A"), hash("O"));
    for after in [
        format!("otto:{}\nanna:{}\n", hash("O"), hash("A")),
        format!("xanna:{}\notto:{}\n", hash("A"), hash("O")),
        format!("#nna:{}\notto:{}\n", hash("A"), hash("O")),
        format!("anna\n{}:otto:{}\n", hash("A"), hash("O")),
        String::new(),
    ] {
        let (_directory, path) = file(&before);
        let (loaded, _) = read(&path).unwrap();
        fs::write(&path, &after).unwrap();
        for login in ["anna", "otto"] {
            match loaded.find(login.as_bytes()).unwrap() {
                None => {}
                Some(Lookup::Known(found)) => {
                    assert!(
                        after.contains(&format!("{login}:{}\n", String::from_utf8_lossy(found.as_bytes())))
                    );
                }
                Some(Lookup::Unknown(_)) => panic!("{login} is in the index"),
            }
        }
        assert!(loaded.find(b"anna").unwrap().is_none(), "{after}");
    }
}

#[test]
fn a_line_that_moved_is_found_where_it_is_now() {
    let (_directory, path) = file(&format!("anna:{}\notto:{}\n", hash("A"), hash("O")));
    let mut users = at(&path);
    assert_eq!(known(&mut users, b"anna"), Some(hash("A")));
    fs::write(&path, format!("otto:{}\nanna:{}\n", hash("O"), hash("A"))).unwrap();
    // As if the change had not shown in the file's times.
    users.loaded.as_mut().unwrap().stamp = Stamp::of(&fs::metadata(&path).unwrap());
    assert_eq!(known(&mut users, b"anna"), Some(hash("A")));
    assert_eq!(known(&mut users, b"otto"), Some(hash("O")));
}

#[test]
fn a_removed_file_lets_nobody_in_although_it_is_still_open() {
    let (_directory, path) = file(&format!("anna:{}\n", hash("A")));
    let mut users = at(&path);
    assert_eq!(known(&mut users, b"anna"), Some(hash("A")));
    fs::remove_file(&path).unwrap();
    let expected = FileError::Unreadable(path.clone(), "No such file or directory".to_owned());
    assert_eq!(look_up(&mut users, b"anna").err(), Some(expected));
    fs::create_dir(&path).unwrap();
    assert_eq!(look_up(&mut users, b"anna").err(), Some(FileError::NotAFile(path)));
}

#[test]
fn a_pipe_or_device_is_refused_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe, PathBuf::from("/dev/zero")] {
        let error = at(&path).refresh(Instant::now(), Level::Warn).err();
        assert_eq!(error, Some(FileError::NotAFile(path.clone())));
    }
}

/// Without a word to the supervisor for each login.
#[test]
fn a_file_that_says_itself_that_it_is_unchanged_is_opened_once_a_second() {
    let (_directory, path) = file(&format!("anna:{}\n", hash("A")));
    let source = OpenedHere::at(&path);
    let count = source.count();
    let mut users = PasswdFile::new(path.clone(), Box::new(source));
    let begin = Instant::now();
    let mut find = |after: Duration| users.lookup(b"anna", begin + after, Level::Warn).is_ok();
    for milliseconds in 0..1000 {
        assert!(find(Duration::from_millis(milliseconds)));
    }
    assert_eq!(count.get(), 1);
    assert!(find(LOOK) && find(LOOK * 2 - Duration::from_millis(1)));
    assert_eq!(count.get(), 2);
    fs::write(&path, format!("anna:{}\nx\n", hash("A"))).unwrap();
    assert!(find(LOOK) && find(LOOK));
    assert_eq!(count.get(), 3, "once for the change");
    // As if the clock had gone back.
    assert!(find(Duration::ZERO));
    assert_eq!(count.get(), 3);
    fs::remove_file(&path).unwrap();
    assert!(!find(LOOK) && !find(LOOK));
    assert_eq!(count.get(), 5, "each time while it is not there");
}

#[test]
fn what_a_link_or_directory_on_the_way_leads_to_now_counts_within_a_second() {
    let directory = tempfile::tempdir().unwrap();
    for (place, letter) in [("one", "1"), ("two", "2")] {
        fs::create_dir(directory.path().join(place)).unwrap();
        fs::write(directory.path().join(place).join("users"), format!("anna:{}\n", hash(letter))).unwrap();
    }
    let (now, path) = (directory.path().join("now"), directory.path().join("now/users"));
    std::os::unix::fs::symlink("one", &now).unwrap();
    let mut users = at(&path);
    let begin = Instant::now();
    let mut find = |after: Duration| match users.lookup(b"anna", begin + after, Level::Warn).unwrap() {
        Lookup::Known(hash) => String::from_utf8(hash.as_bytes().to_vec()).unwrap(),
        Lookup::Unknown(_) => String::new(),
    };
    assert_eq!(find(Duration::ZERO), hash("1"));
    let other = directory.path().join("other");
    std::os::unix::fs::symlink("two", &other).unwrap();
    fs::rename(other, now).unwrap();
    assert_eq!(find(LOOK - Duration::from_millis(1)), hash("1"));
    assert_eq!(find(LOOK), hash("2"));
}

#[test]
fn a_file_that_is_moved_away_under_a_name_that_stays_is_noticed() {
    let (directory, path) = file(&format!("anna:{}\n", hash("1")));
    let mut users = at(&path);
    assert_eq!(known(&mut users, b"anna"), Some(hash("1")));
    let new = directory.path().join("new");
    let changed =
        |path: &Path| fs::metadata(path).map(|metadata| (metadata.ctime(), metadata.ctime_nsec())).unwrap();
    // Times of files have the steps of the kernel's clock.
    while {
        fs::write(&new, format!("anna:{}\n", hash("2"))).unwrap();
        changed(&new) <= changed(&path)
    } {}
    fs::hard_link(&path, directory.path().join("backup")).unwrap();
    fs::rename(&new, &path).unwrap();
    assert_eq!(known(&mut users, b"anna"), Some(hash("2")));
}
