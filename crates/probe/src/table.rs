//! A table of the kernel half whose rows say how something is read at a probed instruction. Places
//! that are read alike share a row.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};

/// Rows in use.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    max: usize,
    map: Option<MapHandle>,
    known: HashMap<Vec<u8>, u16>,
}

/// Why something has no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// All rows are in use.
    #[error("the table `{0}` is full ({1} rows)")]
    Full(&'static str, usize),
    /// The kernel refused it.
    #[error("the table `{0}`: {1}")]
    Refused(&'static str, libbpf_rs::Error),
}

impl Table {
    /// A table of a loaded kernel half; what was loaded without its programs has none.
    pub(crate) fn of(object: &Object, name: &'static str, max: usize) -> Self {
        let map = object.maps().find(|map| map.name() == name);
        let map = map.filter(|map| map.as_fd().as_raw_fd() >= 0);
        let map = map.and_then(|map| MapHandle::try_from(&map).ok());
        Self { name, max, map, known: HashMap::new() }
    }

    /// The number of a row that says this.
    pub(crate) fn number(&mut self, row: &[u8]) -> Result<u16, TableError> {
        if let Some(number) = self.known.get(row) {
            return Ok(*number);
        }
        let number = u16::try_from(self.known.len()).ok();
        let number = number.filter(|number| usize::from(*number) < self.max);
        let number = number.ok_or(TableError::Full(self.name, self.max))?;
        let refused = |error| TableError::Refused(self.name, error);
        let missing = || refused(io::Error::from(io::ErrorKind::NotFound).into());
        let map = self.map.as_ref().ok_or_else(missing)?;
        map.update(&u32::from(number).to_ne_bytes(), row, MapFlags::ANY).map_err(refused)?;
        self.known.insert(row.to_vec(), number);
        Ok(number)
    }
}
