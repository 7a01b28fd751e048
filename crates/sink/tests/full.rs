//! A write that fails half-way. Alone in its process, since it limits the process.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sink::{Place, PlaceError};

#[test]
fn what_a_file_took_of_a_failed_write_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let mut place = Place::create(&path).unwrap();
    place.write(b"whole\n").unwrap();
    // Past the limit the system sends a signal that would end the process.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()).unwrap();
    let old = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(8), ..old }).unwrap();
    let error = place.write(b"only half of it\n").unwrap_err();
    setrlimit(Resource::Fsize, old).unwrap();
    assert!(matches!(error, PlaceError::Write { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"whole\n");
}
