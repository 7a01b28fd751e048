//! Asks the kernel whether probes can be placed, by placing one where it can't matter.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use crate::elf::Image;
use crate::load::Kernel;
use crate::plan::Placement;
use crate::target;

/// Why no probe can be placed.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Our own program, in which it would stand, can't be read.
    #[error("reading our own program: {0}")]
    Own(String),
    /// The kernel refused.
    #[error("placing a probe in our own program: {0}")]
    Refused(String),
}

impl Kernel {
    /// The programs that the kernel verified and holds, each with its type: `uprobe`, `raw_tp/…`.
    pub fn programs(&self) -> Vec<(String, String)> {
        let text = |name: &OsStr| name.to_string_lossy().into_owned();
        self.main
            .progs()
            // One that was not chosen for this kernel was not loaded and has no descriptor.
            .filter(|program| program.as_fd().as_raw_fd() >= 0)
            .map(|program| (text(program.name()), text(program.section())))
            .collect()
    }

    /// Places a probe and takes it away again: at the first instruction of our own program, which
    /// never runs twice, and in this process alone.
    pub fn try_probe(&self) -> Result<(), TrialError> {
        let own = |error: String| TrialError::Own(error);
        let file = File::open("/proc/self/exe").map_err(|error| own(error.to_string()))?;
        let image = Image::open(&file).map_err(|error| own(error.to_string()))?;
        let address = image.entry();
        let offset = image.offset_of(address).ok_or_else(|| own("no entry point".to_owned()))?;
        let row = target::rows().find(|(_, _, row)| row.returns());
        let (number, _, row) = row.ok_or_else(|| own("no function is known".to_owned()))?;
        let placement = Placement {
            row: (number, row),
            offset,
            returns: Vec::new(),
            serves: Vec::new(),
            site: String::new(),
        };
        let probes = self.attach(&file, 0, &placement.stands(), Some(std::process::id()));
        match probes.failed.first() {
            Some((_, reason)) => Err(TrialError::Refused(reason.clone())),
            None => Ok(()),
        }
    }
}
