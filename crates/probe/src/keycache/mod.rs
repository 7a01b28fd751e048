//! Remembers what [`keyscan`](crate::keyscan) found in files, from run to run.
//!
//! A file is known by device, inode, size and times of change, which costs no look into it. Its copies,
//! as containers have them, are known by build ID and size; but any file may claim to have another
//! one's, so what the result rests on is compared first ([`Evidence`]). A result is served to copies
//! only if it has a place with keys, so that there is something to compare, and if only root, or who
//! runs this, can have written the file that it was found in: it would else be enough to map a file with
//! a part of a library to hide the rest of it in every later run.
//!
//! What can't be read, in whole or in part, is looked for anew and never an error.
#![forbid(unsafe_code)]

mod coding;
mod evidence;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub use evidence::{Evidence, Witness};

use crate::elf::{self, Source};
use crate::keyscan::KeySites;

/// Files remembered, at most. A machine with a thousand processes maps fewer.
const MOST: usize = 4096;
/// Bytes of the cache that are read.
const LARGEST: u64 = 8 << 20;
const NAME: &str = "key-sites";

/// What makes a file itself and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
    /// Only root, or who runs this, can have written it.
    guarded: bool,
}

impl Identity {
    /// Of an open file.
    pub fn of(file: &File) -> io::Result<Identity> {
        let about = file.metadata()?;
        let owner = [0, rustix::process::geteuid().as_raw()].contains(&about.uid());
        Ok(Identity {
            guarded: owner && about.mode() & 0o022 == 0,
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        })
    }
}

/// What was found in a file, and what that rests on, if it may be served to copies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    sites: KeySites,
    evidence: Option<Evidence>,
}

/// What was found in files, by identity.
#[derive(Debug, Default)]
pub struct KeyCache {
    /// Where it is kept, if it can be.
    folder: Option<PathBuf>,
    found: HashMap<Identity, Found>,
    /// The last file with a build ID and a size that was found to have keys.
    builds: HashMap<(Vec<u8>, u64), Identity>,
    /// The identities, the one that was added first at the front.
    order: Vec<Identity>,
    changed: bool,
}

impl KeyCache {
    /// The cache of this user: `$XDG_CACHE_HOME/ecapture`, or `~/.cache/ecapture`.
    pub fn of_user() -> KeyCache {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        match cache.filter(|cache| cache.is_absolute()) {
            Some(cache) => KeyCache::open(&cache.join("ecapture")),
            None => KeyCache::default(),
        }
    }

    /// The cache in a folder, which need not exist. One that another user could have written to is
    /// neither read nor replaced: it says where probes are to be placed.
    pub fn open(folder: &Path) -> KeyCache {
        let mut cache = KeyCache::default();
        if !private(fs::symlink_metadata(folder), |about| about.is_dir()) {
            return cache;
        }
        cache.folder = Some(folder.to_path_buf());
        let entries = read(&folder.join(NAME)).unwrap_or_default();
        for (identity, found) in coding::read(&entries).take(MOST) {
            cache.put(identity, found);
        }
        cache
    }

    /// What was found in this file.
    pub fn find(&self, file: &Identity) -> Option<&KeySites> {
        self.found.get(file).map(|found| &found.sites)
    }

    /// What was found in another file, of which this one is a copy.
    pub fn find_copied(&self, file: &Identity, bytes: &dyn Source) -> Option<&KeySites> {
        if self.builds.is_empty() {
            return None;
        }
        let original = self.builds.get(&(elf::build_id(bytes)?, file.size))?;
        let found = self.found.get(original)?;
        found.evidence.as_ref()?.holds(bytes).then_some(&found.sites)
    }

    /// Remembers what was found in a file, whose identity was taken before the search, and what that
    /// rests on. The oldest of too many is forgotten.
    pub fn add(&mut self, file: Identity, sites: KeySites, evidence: Option<Evidence>) {
        let evidence = evidence.filter(|_| file.guarded && !sites.logs.is_empty());
        self.put(file, Found { sites, evidence });
        self.changed = true;
    }

    /// Writes the cache if something was added, whole or not at all.
    pub fn save(&mut self) -> io::Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.changed) else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name = format!("{NAME}.{}", std::process::id());
        let (new, name) = (folder.join(name), folder.join(NAME));
        let written = self.write(&new).and_then(|()| fs::rename(&new, &name));
        if written.is_err() {
            // Nothing else can be done about it.
            let _ = fs::remove_file(&new);
        }
        self.changed = written.is_err();
        written
    }

    fn put(&mut self, file: Identity, found: Found) {
        if let Some(evidence) = &found.evidence {
            self.builds.insert((evidence.build_id.clone(), file.size), file);
        }
        if self.found.insert(file, found).is_none() {
            self.order.push(file);
        }
        if self.order.len() > MOST {
            let oldest = self.order.remove(0);
            self.found.remove(&oldest);
            self.builds.retain(|_, file| *file != oldest);
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let entries = self.order.iter().filter_map(|file| Some((file, self.found.get(file)?)));
        let bytes = coding::write(entries);
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags);
        options.open(path)?.write_all(&bytes)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !private(file.metadata(), |about| about.is_file()) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether only this user can have written there, or nothing is there yet.
fn private(about: io::Result<Metadata>, kind: impl Fn(&Metadata) -> bool) -> bool {
    match about {
        Ok(about) => {
            let own = about.uid() == rustix::process::geteuid().as_raw();
            own && about.mode() & 0o022 == 0 && kind(&about)
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::keyscan::Note;
    use crate::site::Arch;

    fn identity(inode: u64) -> Identity {
        let (modified, changed) = ((4, 5), (6, 7));
        Identity { device: 1, inode, size: 3, modified, changed, guarded: true }
    }

    fn sites(note: Note) -> KeySites {
        KeySites {
            arch: Arch::X86_64,
            logs: Vec::new(),
            kdfs: Vec::new(),
            layout: None,
            notes: vec![note],
        }
    }

    #[test]
    fn the_next_run_knows() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        let mut cache = KeyCache::open(&folder);
        cache.add(identity(1), sites(Note::NoLabels), None);
        cache.add(identity(2), sites(Note::NoReferences), None);
        cache.save().unwrap();
        let mode = fs::metadata(folder.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let cache = KeyCache::open(&folder);
        assert_eq!(cache.find(&identity(1)), Some(&sites(Note::NoLabels)));
        assert_eq!(cache.find(&identity(2)), Some(&sites(Note::NoReferences)));
        assert_eq!(cache.find(&Identity { changed: (6, 8), ..identity(1) }), None);
    }

    #[test]
    fn a_damaged_entry_is_forgotten_and_the_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut cache = KeyCache::open(dir.path());
        (0..3).for_each(|inode| cache.add(identity(inode), sites(Note::NoLabels), None));
        cache.save().unwrap();
        let path = dir.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let cache = KeyCache::open(dir.path());
            assert!(cache.found.values().all(|found| found.sites == sites(Note::NoLabels)));
            assert!(cache.found.len() < 3, "a change at {at} was not seen");
            fs::write(&path, &whole[..at]).unwrap();
            KeyCache::open(dir.path());
        }
    }

    #[test]
    fn what_others_can_write_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = KeyCache::open(dir.path());
        cache.add(identity(1), sites(Note::NoLabels), None);
        cache.save().unwrap();
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            KeyCache::open(dir.path()).found.len()
        };
        assert_eq!(open(&dir.path().join(NAME), 0o600), 1);
        assert_eq!(open(&dir.path().join(NAME), 0o620), 0);
        assert_eq!(open(&dir.path().join(NAME), 0o600), 1);
        assert_eq!(open(dir.path(), 0o777), 0);
        // Nor is it written there.
        let mut cache = KeyCache::open(dir.path());
        cache.add(identity(2), sites(Note::NoLabels), None);
        cache.save().unwrap();
        assert_eq!(open(dir.path(), 0o700), 1);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut cache = KeyCache::default();
        let most = MOST as u64;
        (0..=most).for_each(|inode| cache.add(identity(inode), sites(Note::NoLabels), None));
        assert_eq!((cache.found.len(), cache.order.len()), (MOST, MOST));
        assert!(cache.find(&identity(0)).is_none() && cache.find(&identity(most)).is_some());
    }
}
