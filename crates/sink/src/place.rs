//! Where output goes: standard output or a file of the user's.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// An open output.
#[derive(Debug)]
pub struct Place {
    file: File,
    name: PathBuf,
    /// Bytes of whole writes so far, if a failed one can be undone.
    whole: Option<u64>,
}

/// Why output could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The file could not be opened.
    #[error("cannot create {}: {source}", name.display())]
    Create {
        /// The file.
        name: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name leads to another file. Captured secrets must not land where a stranger points.
    #[error("cannot create {}: it is a symbolic link; name the file that it points to", name.display())]
    Link {
        /// The link.
        name: PathBuf,
    },
    /// The reader went away: a clean end.
    #[error("the reader of {} closed it", name.display())]
    Closed {
        /// The pipe.
        name: PathBuf,
    },
    /// There is no room left.
    #[error("cannot write {}: no space left", name.display())]
    Full {
        /// The file.
        name: PathBuf,
    },
    /// Writing failed otherwise.
    #[error("cannot write {}: {source}", name.display())]
    Write {
        /// The file.
        name: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Place {
    /// Standard output, without the buffer that the standard library puts before it.
    pub fn stdout() -> Result<Self, PlaceError> {
        let name = PathBuf::from("standard output");
        match io::stdout().as_fd().try_clone_to_owned() {
            Ok(fd) => Ok(Self { file: File::from(fd), name, whole: None }),
            Err(source) => Err(PlaceError::Create { name, source }),
        }
    }

    /// A file that only its owner can read. One that exists is emptied; devices and pipes are
    /// written as they are.
    pub fn create(path: &Path) -> Result<Self, PlaceError> {
        let name = path.to_owned();
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(source)
                if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) =>
            {
                return Err(PlaceError::Link { name });
            }
            Err(source) => return Err(PlaceError::Create { name, source }),
        };
        match prepare(&file) {
            Ok(whole) => Ok(Self { file, name, whole }),
            Err(source) => Err(PlaceError::Create { name, source }),
        }
    }

    /// Writes all of it. When a file takes only a part, the part is taken back, so that the file
    /// ends with the last whole write.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PlaceError> {
        let Err(source) = self.file.write_all(bytes) else {
            self.whole = self.whole.map(|whole| whole + bytes.len() as u64);
            return Ok(());
        };
        if let Some(whole) = self.whole {
            // The first error is the one to report.
            let _ = self.file.set_len(whole);
        }
        let name = self.name.clone();
        Err(match source.kind() {
            ErrorKind::BrokenPipe => PlaceError::Closed { name },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PlaceError::Full { name },
            _ => PlaceError::Write { name, source },
        })
    }

    /// Whether this is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&self.file)
    }

    /// The file's name, or a name for standard output.
    pub fn name(&self) -> &Path {
        &self.name
    }
}

/// Empties a regular file and shuts others out of it; returns its length, which is 0.
fn prepare(file: &File) -> io::Result<Option<u64>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    file.set_len(0)?;
    // A file that someone else owns was put there by its owner to be read by them.
    if metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(Some(0))
}
