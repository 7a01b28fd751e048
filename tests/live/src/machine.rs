//! Whose turn it is: tests that load the whole machine run alone, all others side by side.

use std::{env, fs::File};

use rustix::fs::{FlockOperation, flock};

/// A claim on the machine, held across processes until it is dropped.
#[derive(Debug)]
pub struct Machine {
    _lock: File,
}

impl Machine {
    /// Beside others of its kind.
    pub fn shared() -> Self {
        Self::claim(FlockOperation::LockShared)
    }

    /// With nobody else.
    pub fn alone() -> Self {
        Self::claim(FlockOperation::LockExclusive)
    }

    fn claim(how: FlockOperation) -> Self {
        // Not in the target directory: two checkouts share the machine as well.
        let path = env::temp_dir().join("ecapture-live.lock");
        let lock = File::create(path).expect("the temporary directory can be written");
        flock(&lock, how).expect("a lock on a file");
        Self { _lock: lock }
    }
}
