//! Where output goes, and what happens when it can't.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use sink::{Place, PlaceError};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_file_is_its_owners_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let mut place = Place::create(&path).unwrap();
    place.write(b"one\n").unwrap();
    place.write(b"two\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(place.name(), path);
    assert!(!place.is_terminal());
}

#[test]
fn a_file_that_exists_is_emptied_and_shut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    fs::write(&path, "older and longer").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    Place::create(&path).unwrap().write(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &link).unwrap();
    let error = Place::create(&link).unwrap_err();
    assert!(matches!(&error, PlaceError::Link { name } if *name == link), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("missing/out")] {
        let error = Place::create(&path).unwrap_err();
        assert!(matches!(error, PlaceError::Create { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let mut place = Place::create(Path::new("/dev/full")).unwrap();
    let error = place.write(b"x").unwrap_err();
    assert!(matches!(error, PlaceError::Full { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot write /dev/full: no space left");
}

#[test]
fn a_reader_that_went_away_is_a_clean_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let reader = {
        let path = path.clone();
        std::thread::spawn(move || File::open(path).unwrap())
    };
    let mut place = Place::create(&path).unwrap();
    drop(reader.join().unwrap());
    let error = place.write(b"x").unwrap_err();
    assert!(matches!(error, PlaceError::Closed { .. }), "{error:?}");
}
