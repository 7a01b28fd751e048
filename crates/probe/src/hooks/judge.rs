//! Decides about a file: whether it is hooked, left alone, or waits for another one.

use std::fs::File;

use super::{Hooked, Hooks, Passed, Report};
use crate::arrivals::{Fate, Key};
use crate::attach::Probes;
use crate::examine::{Carried, Look, Seek, look};
use crate::keys;
use crate::late::OldFile;
use crate::lines;
use crate::maps::{FileKey, Mapping};
use crate::plan::Placement;
use crate::scout::Find;
use crate::stay::now_ns;

/// What was decided about a file.
#[derive(Debug)]
pub(super) enum Verdict {
    /// By these, since then (CLOCK_MONOTONIC).
    Hooked(Probes, u64),
    /// It computes secrets for libraries of which none is hooked so far.
    Waits(Waiting),
    /// With the name that it had: an inode's number may be another file's later, while one that is
    /// hooked is kept from that by its probes.
    LeftAlone(String),
}

/// A file that is hooked if another one turns out to need it.
#[derive(Debug)]
pub(super) struct Waiting {
    file: File,
    path: String,
    carried: Carried,
}

impl Hooks {
    /// `file` is what is mapped, if it is open already. Since when it is hooked, if it is.
    pub(super) fn consider(
        &mut self,
        pid: u32,
        file: Option<File>,
        mapping: &Mapping,
        tell: &mut impl FnMut(Report),
    ) -> Option<u64> {
        let pids = &self.kernel.settings.pids;
        let narrow = (!pids.is_empty()).then_some(pid);
        if narrow.is_some() && !pids.contains(&pid) {
            return None;
        }
        let key = (mapping.file, narrow);
        let since_ns = |verdict: &Verdict| match verdict {
            Verdict::Hooked(_, since_ns) => Some(*since_ns),
            Verdict::Waits(_) | Verdict::LeftAlone(_) => None,
        };
        match self.files.get(&key) {
            Some(verdict @ (Verdict::Hooked(..) | Verdict::Waits(_))) => {
                self.names.note_program(pid);
                since_ns(verdict)
            }
            Some(Verdict::LeftAlone(name)) if *name == mapping.path => None,
            _ => {
                let verdict = self.judge(pid, file, mapping, narrow, tell)?;
                let hooked_ns = since_ns(&verdict);
                self.settle(key, verdict);
                self.wake(pid, tell);
                hooked_ns
            }
        }
    }

    /// Examines a file that was not seen before. `None`: it could not be opened, so that another
    /// process's mapping of it is looked at again.
    fn judge(
        &mut self,
        pid: u32,
        file: Option<File>,
        mapping: &Mapping,
        narrow: Option<u32>,
        tell: &mut impl FnMut(Report),
    ) -> Option<Verdict> {
        let (file, found) = match self.scouted.take(mapping) {
            Some(Find::Plain) => return Some(Verdict::LeftAlone(mapping.path.clone())),
            Some(Find::Tls(file, found)) => (file, found),
            None => {
                let Some(file) = file.or_else(|| mapping.open_again(pid).ok()) else {
                    self.vanished += 1;
                    return None;
                };
                let found = look(&file, mapping.name(), self.seek());
                (file, found)
            }
        };
        let path = mapping.name().to_owned();
        let passed = |reason: String, tell: &mut dyn FnMut(Report)| {
            tell(Report::Passed(Passed { path: path.clone(), pid, reason }));
            Some(Verdict::LeftAlone(mapping.path.clone()))
        };
        match found {
            Look::NoTls => Some(Verdict::LeftAlone(mapping.path.clone())),
            Look::Passed(known) => {
                self.names.note_library(mapping.file, library(known.name, &path), false);
                passed(known.reason, tell)
            }
            Look::Target(carried) => {
                let keys = matches!(&carried.keys, Some(Ok(found)) if found.logs());
                // What only computes for others is not the library that people know.
                if carried.name.is_some() || keys {
                    self.names.note_library(mapping.file, library(carried.name, &path), keys);
                }
                self.names.note_program(pid);
                let probes = self.hook(&file, mapping.file, &path, &carried, narrow);
                if probes.is_empty() && probes.failed.is_empty() {
                    return Some(Verdict::Waits(Waiting { file, path, carried }));
                }
                if probes.is_empty() {
                    let why = probes.failed.into_iter().next().map(|(_, why)| why);
                    return passed(why.unwrap_or_default(), tell);
                }
                tell(Report::Hooked(Hooked::new(path.clone(), Some(pid), &probes)));
                Some(Verdict::Hooked(probes, now_ns()))
            }
        }
    }

    /// Hooks the files that waited for what is needed by now.
    fn wake(&mut self, pid: u32, tell: &mut impl FnMut(Report)) {
        if self.derived.is_empty() {
            return;
        }
        let waits = |verdict: &Verdict| matches!(verdict, Verdict::Waits(_));
        let waiting: Vec<_> = self.files.extract_if(|_, verdict| waits(verdict)).collect();
        for ((key, narrow), verdict) in waiting {
            let Verdict::Waits(waiting) = verdict else { continue };
            let probes = self.hook(&waiting.file, key, &waiting.path, &waiting.carried, narrow);
            let verdict = if probes.is_empty() {
                Verdict::Waits(waiting)
            } else {
                tell(Report::Hooked(Hooked::new(waiting.path, Some(pid), &probes)));
                Verdict::Hooked(probes, now_ns())
            };
            self.files.insert((key, narrow), verdict);
        }
    }

    pub(super) fn hook(
        &mut self,
        file: &File,
        key: FileKey,
        path: &str,
        carried: &Carried,
        pid: Option<u32>,
    ) -> Probes {
        let id = self.names.add_file(path);
        let mut stands: Vec<_> = carried.placements.iter().flat_map(Placement::stands).collect();
        let (lines, mut failed) = lines::stands(&carried.lines, &mut self.line_sites);
        stands.extend(lines);
        match &carried.keys {
            Some(Ok(found)) => {
                self.derived.extend(found.derived_by());
                let (keys, unplaced) = keys::stands(found, &self.derived, &mut self.sites);
                stands.extend(keys);
                failed.extend(unplaced);
            }
            Some(Err(why)) => failed.push(("keys", why.clone())),
            None => {}
        }
        if self.begins
            && !carried.calls.is_empty()
            && let Ok(file) = file.try_clone()
        {
            let (path, calls) = (path.to_owned(), carried.calls.clone());
            self.older.add(OldFile { id, file, key, path, calls, pid });
        }
        let mut probes = self.kernel.attach(file, id, &stands, pid);
        probes.failed.extend(failed);
        probes
    }

    pub(super) fn settle(&mut self, key: Key, verdict: Verdict) {
        let fate = match &verdict {
            Verdict::Hooked(..) | Verdict::Waits(_) => Fate::Used,
            Verdict::LeftAlone(name) => Fate::LeftAlone(name.clone()),
        };
        self.settled.settle(key, fate);
        self.files.insert(key, verdict);
    }

    pub(super) fn seek(&mut self) -> Seek<'_> {
        let settings = &self.kernel.settings;
        let (libs, lines) = (&settings.libs, settings.lines);
        Seek { plaintext: settings.plaintext, keys: self.finder.as_mut(), libs, lines }
    }

    pub(super) fn remember(&mut self) {
        if let Some(finder) = &mut self.finder {
            finder.save();
        }
    }

    /// The processes for which a file is hooked: each wanted one, or all at once.
    pub(super) fn narrowed(&self) -> Vec<Option<u32>> {
        let pids = &self.kernel.settings.pids;
        if pids.is_empty() { vec![None] } else { pids.iter().copied().map(Some).collect() }
    }
}

/// Which library it is, and where.
fn library(name: Option<&str>, path: &str) -> String {
    name.map_or_else(|| path.to_owned(), |name| format!("{name} in {path}"))
}
