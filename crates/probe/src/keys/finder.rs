//! Looks for the keys of files, each once: what was found is remembered from run to run.

use std::fs::File;

use crate::keycache::{Identity, KeyCache};
use crate::keyscan::{self, KeySites};
use crate::plan::ARCH;

/// Finds where keys can be read.
#[derive(Debug)]
pub(crate) struct Finder {
    cache: KeyCache,
}

impl Finder {
    /// With what earlier runs of this user found.
    pub(crate) fn of_user() -> Self {
        Self { cache: KeyCache::of_user() }
    }

    /// What a file offers, or why it offers nothing that the kernel half could use.
    pub(crate) fn find(&mut self, file: &File) -> Result<KeySites, String> {
        let sites = self.sites(file)?;
        if super::probed(&sites).next().is_some() {
            return Ok(sites);
        }
        let notes: Vec<_> = sites.notes.iter().map(ToString::to_string).collect();
        Err(match notes.is_empty() {
            true => "no place was found where its keys can be read".to_owned(),
            false => format!("its keys can't be read: {}", notes.join(", ")),
        })
    }

    /// The same; a file that only computes secrets is of use, too, if another library needs it.
    pub(crate) fn find_parts(&mut self, file: &File) -> Result<KeySites, String> {
        let sites = self.sites(file)?;
        let computes = sites.arch == ARCH && !sites.kdfs.is_empty();
        if computes { Ok(sites) } else { self.find(file) }
    }

    /// Writes down what is new. A cache that can't be written costs the next run some time.
    pub(crate) fn save(&mut self) {
        let _ = self.cache.save();
    }

    fn sites(&mut self, file: &File) -> Result<KeySites, String> {
        let identity = Identity::of(file).map_err(|error| error.to_string())?;
        if let Some(sites) = self.cache.find(&identity) {
            return Ok(sites.clone());
        }
        let sites = keyscan::scan(file).map_err(|error| error.to_string())?;
        self.cache.add(identity, sites.clone());
        Ok(sites)
    }
}
