//! Names that records carry as numbers: the hooked files, and the programs of processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::maps::{self, FileKey};

/// Programs remembered, at most; the oldest knowledge is dropped when there are more.
const PROGRAMS_MAX: usize = 32_768;

/// Shared between the thread that hooks and the threads that read.
#[derive(Debug)]
pub struct Names {
    files: RwLock<Vec<Arc<str>>>,
    programs: Mutex<HashMap<u32, Arc<str>>>,
    /// Files with TLS, hooked or not.
    libraries: Mutex<HashMap<FileKey, Library>>,
    unknown: Arc<str>,
}

/// A file with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Which library it is, or that of which it is a copy, and where.
    pub name: String,
    /// Its keys are read.
    pub keys: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            files: RwLock::default(),
            programs: Mutex::default(),
            libraries: Mutex::default(),
            unknown: Arc::from("?"),
        }
    }
}

impl Names {
    /// The hooked file with this number.
    pub fn file(&self, id: u32) -> Arc<str> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.get(id as usize).unwrap_or(&self.unknown).clone()
    }

    /// The program that a process runs. A process that is gone is still known if it mapped a
    /// hooked file before.
    pub fn program(&self, pid: u32) -> Arc<str> {
        if let Some(path) = maps::exe(pid) {
            return Arc::from(path.to_string_lossy());
        }
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.get(&pid).unwrap_or(&self.unknown).clone()
    }

    /// The files with TLS that a process maps.
    pub fn libraries(&self, pid: u32) -> Vec<Library> {
        let mappings = maps::of_process(pid).unwrap_or_default();
        let libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Library> = Vec::new();
        for library in mappings.iter().filter_map(|mapping| libraries.get(&mapping.file)) {
            if !found.contains(library) {
                found.push(library.clone());
            }
        }
        found
    }

    pub(crate) fn note_library(&self, key: FileKey, name: String, keys: bool) {
        let mut libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        libraries.insert(key, Library { name, keys });
    }

    /// Remembers what a process runs, while it can be asked.
    pub(crate) fn note_program(&self, pid: u32) {
        let Some(path) = maps::exe(pid) else { return };
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.len() >= PROGRAMS_MAX {
            programs.clear();
        }
        programs.insert(pid, Arc::from(path.to_string_lossy()));
    }

    pub(crate) fn add_file(&self, path: &str) -> u32 {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.push(Arc::from(path));
        (files.len() - 1) as u32
    }
}
