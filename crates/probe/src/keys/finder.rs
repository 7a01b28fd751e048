//! Looks for the keys of files, each once: what was found is remembered from run to run.

use std::fs::File;

use crate::keycache::{Identity, KeyCache, Witness};
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
        if let Some(sites) = self.cache.find_copied(&identity, file).cloned() {
            self.cache.add(identity, sites.clone(), None);
            return Ok(sites);
        }
        let witness = Witness::of(file);
        let sites = keyscan::scan(&witness).map_err(|error| error.to_string())?;
        self.cache.add(identity, sites.clone(), witness.evidence());
        Ok(sites)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The system's libssl in files of its own, and a cache.
    struct Copies(tempfile::TempDir);

    impl Copies {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
            Self(dir)
        }

        fn bytes() -> Vec<u8> {
            let arch = std::env::consts::ARCH;
            fs::read(format!("/usr/lib/{arch}-linux-gnu/libssl.so.3")).unwrap()
        }

        fn write(&self, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }

        /// As in a new run.
        fn finder(&self) -> Finder {
            Finder { cache: KeyCache::open(self.0.path()) }
        }

        /// Lets a run find a file, and puts a mark into the result that no search would find.
        fn found_and_marked(&self, path: &Path) {
            let file = File::open(path).unwrap();
            let mut finder = self.finder();
            let witness = Witness::of(&file);
            let mut sites = keyscan::scan(&witness).unwrap();
            sites.logs.iter_mut().for_each(|site| site.votes = MARK);
            finder.cache.add(Identity::of(&file).unwrap(), sites, witness.evidence());
            finder.save();
        }

        /// Whether what is found in a file is what was found before, and not searched anew.
        fn served(&self, path: &Path) -> bool {
            let sites = self.finder().find(&File::open(path).unwrap()).unwrap();
            sites.logs[0].votes == MARK
        }
    }

    const MARK: u8 = 99;

    #[test]
    fn a_copy_is_served_without_a_search() {
        let copies = Copies::new();
        let original = copies.write("original", &Copies::bytes(), 0o644);
        copies.found_and_marked(&original);
        assert!(copies.served(&original));
        let copy = copies.write("copy", &Copies::bytes(), 0o666);
        assert!(copies.served(&copy));
    }

    #[test]
    fn other_code_under_the_same_build_id_is_searched() {
        let copies = Copies::new();
        let original = copies.write("original", &Copies::bytes(), 0o644);
        copies.found_and_marked(&original);
        let sites = keyscan::scan(&File::open(&original).unwrap()).unwrap();
        let mut bytes = Copies::bytes();
        // What stands behind the function is none of the search's business, but near it.
        bytes[sites.logs[0].offset as usize + 2048] ^= 1;
        assert!(!copies.served(&copies.write("other code", &bytes, 0o644)));
        bytes = Copies::bytes();
        bytes.push(0);
        assert!(!copies.served(&copies.write("other size", &bytes, 0o644)));
    }

    #[test]
    fn other_labels_under_the_same_build_id_are_searched() {
        let copies = Copies::new();
        let original = copies.write("original", &Copies::bytes(), 0o644);
        copies.found_and_marked(&original);
        let mut bytes = Copies::bytes();
        let label = b"CLIENT_HANDSHAKE_TRAFFIC_SECRET\0";
        let at = bytes.windows(label.len()).position(|part| part == label).unwrap();
        bytes[at] = b'x';
        assert!(!copies.served(&copies.write("other label", &bytes, 0o644)));
    }

    #[test]
    fn what_others_can_write_is_served_to_no_copy() {
        let copies = Copies::new();
        let original = copies.write("original", &Copies::bytes(), 0o666);
        copies.found_and_marked(&original);
        assert!(copies.served(&original));
        assert!(!copies.served(&copies.write("copy", &Copies::bytes(), 0o644)));
    }

    #[test]
    fn a_file_without_keys_says_nothing_of_its_copies() {
        let copies = Copies::new();
        let mut bytes = Copies::bytes();
        for at in 0..bytes.len() {
            if bytes[at..].starts_with(b"_SECRET") || bytes[at..].starts_with(b"CLIENT_RANDOM") {
                bytes[at] = b'x';
            }
        }
        let blind = File::open(copies.write("blind", &bytes, 0o644)).unwrap();
        let mut finder = copies.finder();
        assert!(finder.sites(&blind).unwrap().logs.is_empty());
        let whole = File::open(copies.write("whole", &Copies::bytes(), 0o644)).unwrap();
        assert!(!finder.sites(&whole).unwrap().logs.is_empty());
    }
}
