//! The kernel half's table of sites. Files whose keys are read alike share a row.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};

/// Rows in use.
#[derive(Debug)]
pub(crate) struct SiteTable {
    map: Option<MapHandle>,
    known: HashMap<[u8; abi::Site::SIZE], u16>,
}

/// Why a site has no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// All rows are in use.
    #[error("the table of key sites is full ({} rows)", abi::SITES)]
    Full,
    /// The kernel refused it.
    #[error("the table of key sites: {0}")]
    Refused(#[from] libbpf_rs::Error),
}

impl SiteTable {
    /// The table of a loaded kernel half; one that was loaded without keys has none.
    pub(crate) fn of(object: &Object) -> Self {
        let map = object.maps().find(|map| map.name() == "sites");
        let map = map.filter(|map| map.as_fd().as_raw_fd() >= 0);
        Self { map: map.and_then(|map| MapHandle::try_from(&map).ok()), known: HashMap::new() }
    }

    /// The number of a row that says this.
    pub(crate) fn number(&mut self, site: &abi::Site) -> Result<u16, TableError> {
        let bytes = site.to_bytes();
        if let Some(number) = self.known.get(&bytes) {
            return Ok(*number);
        }
        let number = u16::try_from(self.known.len()).ok();
        let number = number.filter(|number| usize::from(*number) < abi::SITES);
        let number = number.ok_or(TableError::Full)?;
        let missing = || libbpf_rs::Error::from(io::Error::from(io::ErrorKind::NotFound));
        let map = self.map.as_ref().ok_or_else(missing)?;
        map.update(&u32::from(number).to_ne_bytes(), &bytes, MapFlags::ANY)?;
        self.known.insert(bytes, number);
        Ok(number)
    }
}
