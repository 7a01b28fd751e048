//! Looks at what processes map while the kernel half is loaded, which takes as long: a thread of its
//! own, whose findings are what [`Hooks`](crate::Hooks) begin with.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::thread::{Builder, JoinHandle};

use crate::examine::{Look, Seek, look};
use crate::keys::Finder;
use crate::lines::Lines;
use crate::load::Settings;
use crate::maps::{self, FileKey, Mapping};

/// The thread. New mappings must be watched by the time it starts, or some are seen by nobody.
#[derive(Debug)]
pub struct Scout(JoinHandle<Scouted>);

/// What it found.
#[derive(Debug, Default)]
pub(crate) struct Scouted {
    /// If keys are wanted.
    pub(crate) finder: Option<Finder>,
    /// What each wanted process maps.
    pub(crate) mappings: Vec<(u32, Vec<Mapping>)>,
    /// What each of these files is, by the name that it was found under.
    files: HashMap<FileKey, (String, Find)>,
}

/// What a file is.
#[derive(Debug)]
pub(crate) enum Find {
    /// Nothing that is of interest.
    Plain,
    /// Something with TLS; it is open.
    Tls(File, Look),
}

impl Scout {
    /// Sets out.
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let (plaintext, secrets, lines) = (settings.plaintext, settings.secrets, settings.lines);
        let (pids, libs) = (settings.pids.clone(), settings.libs.clone());
        let thread = Builder::new().name("scout".to_owned()).spawn(move || {
            let finder = secrets.then(Finder::of_user);
            let mut scouted = Scouted { finder, ..Scouted::default() };
            for pid in maps::wanted(&pids) {
                scouted.visit(pid, plaintext, lines, &libs);
            }
            scouted
        })?;
        Ok(Self(thread))
    }

    /// Waits for what it finds; nothing, should it not come back.
    pub(crate) fn findings(self, settings: &Settings) -> Scouted {
        self.0.join().unwrap_or_else(|_| Scouted {
            finder: settings.secrets.then(Finder::of_user),
            mappings: Vec::new(),
            files: HashMap::new(),
        })
    }
}

impl Scouted {
    /// What a file is, if that was found out; to be asked once.
    pub(crate) fn take(&mut self, mapping: &Mapping) -> Option<Find> {
        let (path, find) = self.files.remove(&mapping.file)?;
        (path == mapping.path).then_some(find)
    }

    fn visit(&mut self, pid: u32, plaintext: bool, lines: Option<Lines>, libs: &[&'static str]) {
        // A process that ended meanwhile has nothing to show.
        let mappings = maps::of_process(pid).unwrap_or_default();
        for mapping in &mappings {
            if self.files.contains_key(&mapping.file) {
                continue;
            }
            let Ok(file) = mapping.open_again(pid) else { continue };
            let seek = Seek { plaintext, keys: self.finder.as_mut(), libs, lines };
            let find = match look(&file, mapping.name(), seek) {
                Look::NoTls => Find::Plain,
                tls => Find::Tls(file, tls),
            };
            self.files.insert(mapping.file, (mapping.path.clone(), find));
        }
        if !mappings.is_empty() {
            self.mappings.push((pid, mappings));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our own process, and the first file that it maps as code: ourselves, without TLS.
    fn visited() -> (Scouted, Mapping) {
        let mut scouted = Scouted::default();
        scouted.visit(std::process::id(), true, None, &[]);
        let own = scouted.mappings[0].1[0].clone();
        (scouted, own)
    }

    #[test]
    fn a_file_is_told_of_once() {
        let (mut scouted, own) = visited();
        assert_eq!(scouted.mappings[0].0, std::process::id());
        assert!(matches!(scouted.take(&own), Some(Find::Plain)));
        assert!(scouted.take(&own).is_none());
    }

    #[test]
    fn what_goes_by_another_name_by_now_is_looked_at_anew() {
        let (mut scouted, own) = visited();
        let renamed = Mapping { path: "/elsewhere".to_owned(), ..own };
        assert!(scouted.take(&renamed).is_none());
    }

    #[test]
    fn a_process_that_is_gone_shows_nothing() {
        let mut scouted = Scouted::default();
        scouted.visit(u32::MAX, true, None, &[]);
        assert!(scouted.mappings.is_empty() && scouted.files.is_empty());
    }
}
