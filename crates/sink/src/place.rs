//! Where output goes: standard output or a file of the user's.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
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
    /// What stands behind everything that is written.
    epilogue: &'static [u8],
    /// Nothing was written, so the first byte of what comes, which separates, is left out.
    fresh: bool,
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
            Ok(fd) => {
                Ok(Self { file: File::from(fd), name, whole: None, epilogue: b"", fresh: false })
            }
            Err(source) => Err(PlaceError::Create { name, source }),
        }
    }

    /// A file that only its owner can read. One that exists is emptied; devices and pipes are
    /// written as they are.
    pub fn create(path: &Path) -> Result<Self, PlaceError> {
        let name = path.to_owned();
        let file = open(path, OpenOptions::new().write(true).truncate(false))?;
        let emptied = empty(&file);
        match emptied.and_then(|whole| close_to_others(&file).map(|()| whole)) {
            Ok(whole) => Ok(Self { file, name, whole, epilogue: b"", fresh: false }),
            Err(source) => Err(PlaceError::Create { name, source }),
        }
    }

    /// A file that only its owner can read, and that is added to: what is there stays, and others
    /// may add to it at the same time. One write is one piece of it.
    pub fn append(path: &Path) -> Result<Self, PlaceError> {
        let name = path.to_owned();
        let file = open(path, OpenOptions::new().append(true))?;
        match close_to_others(&file) {
            Ok(()) => Ok(Self { file, name, whole: None, epilogue: b"", fresh: false }),
            Err(source) => Err(PlaceError::Create { name, source }),
        }
    }

    /// Puts everything that is written between these two, and leaves out the first byte of the first
    /// write, which separates. A file ends with the epilogue after every write, so that it is whole
    /// however the run ends; all else gets it from [`finish`](Self::finish).
    pub fn between(mut self, prologue: &[u8], epilogue: &'static [u8]) -> Result<Self, PlaceError> {
        self.epilogue = epilogue;
        self.write(prologue)?;
        self.fresh = true;
        Ok(self)
    }

    /// Nothing follows.
    pub fn finish(&mut self) -> Result<(), PlaceError> {
        if self.whole.is_some() || self.epilogue.is_empty() {
            return Ok(());
        }
        let epilogue = std::mem::take(&mut self.epilogue);
        self.write(epilogue)
    }

    /// Writes bytes, and behind them the epilogue, over which the next bytes go.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.whole.is_none() || self.epilogue.is_empty() {
            return self.file.write_all(bytes);
        }
        self.file.write_all(&[bytes, self.epilogue].concat())?;
        self.file.seek(SeekFrom::Current(-(self.epilogue.len() as i64)))?;
        Ok(())
    }

    /// Writes all of it. When a file takes only a part, the part is taken back, so that the file
    /// ends with the last whole write.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PlaceError> {
        let fresh = std::mem::take(&mut self.fresh);
        let bytes = if fresh { bytes.get(1..).unwrap_or_default() } else { bytes };
        let Err(source) = self.write_all(bytes) else {
            self.whole = self.whole.map(|whole| whole + bytes.len() as u64);
            return Ok(());
        };
        if let Some(whole) = self.whole {
            // The first error is the one to report.
            let _ = self.file.set_len(whole);
            let _ = self.file.seek(SeekFrom::Start(whole));
            let _ = self.file.write_all(self.epilogue);
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

fn open(path: &Path, how: &mut OpenOptions) -> Result<File, PlaceError> {
    let name = path.to_owned();
    how.create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    how.open(path).map_err(|source| match source.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => PlaceError::Link { name },
        _ => PlaceError::Create { name, source },
    })
}

/// Empties a regular file; returns its length, which is 0.
fn empty(file: &File) -> io::Result<Option<u64>> {
    let regular = file.metadata()?.is_file();
    regular.then(|| file.set_len(0).map(|()| 0)).transpose()
}

/// Shuts others out of a regular file.
fn close_to_others(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    // A file that someone else owns was put there by its owner to be read by them.
    let own = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    if own && metadata.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}
