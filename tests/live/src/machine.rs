//! Whose turn it is: tests that load the whole machine run alone, all others side by side.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use crate::tree::target_dir;

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
        let lock = File::create(target_dir().join("live.lock")).expect("target can be written");
        flock(&lock, how).expect("a lock on a file in target");
        Self { _lock: lock }
    }
}
