//! Who uses which TLS library, found out without placing a probe: for people who ask before they
//! capture, also without the rights to capture.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;

use rustix::fs::{FileType, Mode, OFlags};

use crate::examine::{Look, Seek, look, looks_like_tls};
use crate::keys::Finder;
use crate::maps::{self, FileKey, Mapping};
use crate::plan::Probed;

/// What all processes map, as far as it may be seen.
#[derive(Debug, Default)]
pub struct Survey {
    /// Files that carry TLS, by path.
    pub files: Vec<Carrier>,
    /// Processes whose mappings were looked at.
    pub processes: usize,
    /// Processes whose mappings we may not see.
    pub closed: usize,
    /// Mapped files that we may not open and whose names tell nothing.
    pub unopened: usize,
}

/// A file that carries TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// The file, as the process that showed it names it.
    pub path: String,
    /// The processes that map it.
    pub pids: Vec<u32>,
    /// The functions that would be probed, or why none would.
    pub functions: Result<Vec<Probed>, String>,
    /// Where its keys can be read, a line for each place, or why they can't.
    pub keys: Result<Vec<String>, String>,
}

impl Survey {
    /// Looks at every mapping of every process.
    pub fn take() -> Self {
        let mut survey = Self::default();
        let mut files = HashMap::new();
        let mut finder = Finder::of_user();
        for pid in maps::processes() {
            match maps::of_process(pid) {
                // A kernel thread.
                Ok(mappings) if mappings.is_empty() => {}
                Ok(mappings) => {
                    survey.processes += 1;
                    mappings.iter().for_each(|mapping| note(&mut files, &mut finder, pid, mapping));
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => survey.closed += 1,
                // It has ended.
                Err(_) => {}
            }
        }
        for seen in files.into_values() {
            survey.settle(seen);
        }
        survey.files.sort_by(|a, b| (&a.path, &a.pids).cmp(&(&b.path, &b.pids)));
        survey
    }

    fn settle(&mut self, seen: Seen) {
        let Seen { path, pids, found } = seen;
        let (functions, keys) = match found {
            Ok((Look::NoTls, Err(_))) => return,
            Ok((Look::NoTls, keys)) => (Err(NO_SYMBOLS.to_owned()), keys),
            Ok((Look::Target(carried), keys)) => (Ok(carried.probed()), keys),
            Ok((Look::Passed(known), keys)) => (Err(known.reason), keys),
            // Everyone who had it is gone.
            Err(error) if error.kind() != ErrorKind::PermissionDenied => return,
            Err(error) if looks_like_tls(&path) => {
                let why = format!("can't be opened: {error}");
                (Err(why.clone()), Err(why))
            }
            Err(_) => {
                self.unopened += 1;
                return;
            }
        };
        self.files.push(Carrier { path, pids, functions, keys });
    }
}

/// Why the plaintext of a file with keys stays unseen.
const NO_SYMBOLS: &str = "carries TLS without symbols that are known";

/// A file that some processes map.
struct Seen {
    path: String,
    pids: Vec<u32>,
    found: io::Result<(Look, Result<Vec<String>, String>)>,
}

/// A file is looked at once, in the first process that lets us open it.
fn note(files: &mut HashMap<FileKey, Seen>, finder: &mut Finder, pid: u32, mapping: &Mapping) {
    let path = mapping.name();
    let seen = files.entry(mapping.file).or_insert_with(|| Seen {
        path: path.to_owned(),
        pids: Vec::new(),
        found: Err(ErrorKind::NotFound.into()),
    });
    // Code may be mapped in several stretches.
    if seen.pids.last() != Some(&pid) {
        seen.pids.push(pid);
    }
    if seen.found.is_err() {
        seen.found = open(pid, mapping).map(|file| {
            let seek = Seek { plaintext: true, keys: None, libs: &[], lines: None };
            let plaintext = look(&file, path, seek);
            (plaintext, finder.find(&file).map(|sites| sites.lines()))
        });
    }
}

/// Opening a mapping takes a capability; its name may do for files that everyone can read.
fn open(pid: u32, mapping: &Mapping) -> io::Result<File> {
    mapping.open(pid).or_else(|error| match error.kind() {
        ErrorKind::PermissionDenied => open_by_name(pid, mapping).map_err(|_| error),
        _ => Err(error),
    })
}

/// The name may lead to anything by now: what it leads to is checked before it is opened, since
/// opening a device or a pipe does things.
fn open_by_name(pid: u32, mapping: &Mapping) -> io::Result<File> {
    let path = format!("/proc/{pid}/root{}", mapping.path);
    let named = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&named)?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || stat.st_ino != mapping.file.inode {
        return Err(ErrorKind::NotFound.into());
    }
    File::open(format!("/proc/self/fd/{}", named.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first code mapping of our own program.
    fn own() -> Mapping {
        maps::of_process(std::process::id()).unwrap().remove(0)
    }

    #[test]
    fn a_name_opens_the_mapped_file_and_nothing_else() {
        let own = own();
        let pid = std::process::id();
        open_by_name(pid, &own).unwrap();
        for other in ["/dev/null", "/proc/self/stat", "/", "/nowhere"] {
            let elsewhere = Mapping { path: other.to_owned(), ..own.clone() };
            assert!(open_by_name(pid, &elsewhere).is_err(), "{other}");
        }
    }

    #[test]
    fn a_process_counts_once_for_a_file() {
        let (mut files, own) = (HashMap::new(), own());
        let mut finder = Finder::of_user();
        for pid in [1, 1, 2] {
            note(&mut files, &mut finder, pid, &own);
        }
        assert_eq!(files[&own.file].pids, [1, 2]);
    }

    #[test]
    fn what_can_not_be_opened_is_named_or_counted() {
        let seen = |path: &str, kind: ErrorKind| Seen {
            path: path.to_owned(),
            pids: vec![1],
            found: Err(kind.into()),
        };
        let mut survey = Survey::default();
        survey.settle(seen("/usr/bin/program", ErrorKind::PermissionDenied));
        survey.settle(seen("/lib/libssl.so.3", ErrorKind::PermissionDenied));
        survey.settle(seen("/lib/libssl.so.1.1", ErrorKind::NotFound));
        assert_eq!((survey.unopened, survey.files.len()), (1, 1));
        let reason = survey.files[0].functions.as_ref().unwrap_err();
        assert_eq!(survey.files[0].path, "/lib/libssl.so.3");
        assert!(reason.starts_with("can't be opened"), "{reason}");
    }
}
