//! Places probes: instructions of a file and the programs that run there, as links that hold them.

use std::fs::File;
use std::os::fd::AsRawFd;

use libbpf_rs::{Link, Object, ProgramMut, UprobeMultiOpts, UprobeOpts};

use crate::load::{Kernel, LoadError, multi};
use crate::plan::Probed;

/// Links that one thread removes in a row, when many are.
const REMOVED_BY_ONE: usize = 1;

/// An instruction, and what runs when it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    /// The instruction, as an offset into the file.
    pub(crate) offset: u64,
    /// What the programs are told: the number of a row or of a site, as they know which.
    pub(crate) number: u16,
    /// The programs, entries before returns: a return without its entry would count bytes that
    /// nobody owns.
    pub(crate) programs: &'static [At],
    /// For people: what is probed.
    pub(crate) probed: Probed,
}

/// A program, and whether it runs when the function returns.
pub(crate) type At = (&'static str, bool);

/// The probes of one file. Dropping it takes them away.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    links: Vec<Link>,
    /// Programs that exist for one function alone.
    _objects: Vec<Object>,
    /// Functions whose probes stand.
    pub hooked: Vec<Probed>,
    /// Symbols that were there and could not be probed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl Kernel {
    /// Places probes in `file`, which records will call `id`, for process `pid` or for all.
    pub(crate) fn attach(
        &self,
        file: &File,
        id: u32,
        stands: &[Stand],
        pid: Option<u32>,
    ) -> Probes {
        // The file that was examined, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let site = Site { path: &path, id, pid: pid.map_or(-1, |pid| pid as i32) };
        let mut probes = Probes::default();
        if !self.features.cookies {
            for stand in stands {
                let one = self.attach_fixed(&site, stand);
                probes.settle(stand, one);
            }
            return probes;
        }
        if multi(&self.settings, &self.features) {
            self.attach_many(&site, stands, &mut probes);
            return probes;
        }
        for stand in stands {
            let links = stand.programs.iter().map(|(program, returns)| {
                self.program(program)?.attach_uprobe_with_opts(
                    site.pid,
                    site.path,
                    stand.offset as usize,
                    UprobeOpts {
                        cookie: site.cookie(stand),
                        retprobe: *returns,
                        ..UprobeOpts::default()
                    },
                )
            });
            let links: libbpf_rs::Result<Vec<_>> = links.collect();
            probes.settle(stand, links.map_err(|error| error.to_string()));
        }
        probes
    }

    /// One link for all probes of a kind; if the kernel refuses it, one link per probe, to
    /// learn which it does not like.
    fn attach_many(&self, site: &Site<'_>, stands: &[Stand], probes: &mut Probes) {
        let whole = self.attach_multi(site, stands);
        if let Ok(links) = whole {
            probes.links.extend(links);
            probes.hooked.extend(stands.iter().map(|stand| stand.probed.clone()));
            return;
        }
        for stand in stands {
            let links = self.attach_multi(site, std::slice::from_ref(stand));
            probes.settle(stand, links.map_err(|error| error.to_string()));
        }
    }

    fn attach_multi(&self, site: &Site<'_>, stands: &[Stand]) -> libbpf_rs::Result<Vec<Link>> {
        let mut links = Vec::new();
        for at in in_order(stands) {
            let chosen: Vec<_> =
                stands.iter().filter(|stand| stand.programs.contains(&at)).collect();
            let options = UprobeMultiOpts {
                offsets: chosen.iter().map(|stand| stand.offset as usize).collect(),
                cookies: chosen.iter().map(|stand| site.cookie(stand)).collect(),
                retprobe: at.1,
                ..UprobeMultiOpts::default()
            };
            let program = self.program(at.0)?;
            links.push(program.attach_uprobe_multi_with_opts(site.pid, site.path, "", options)?);
        }
        Ok(links)
    }

    /// One load for one function, whose programs know their row by heart.
    fn attach_fixed(&self, site: &Site<'_>, stand: &Stand) -> Result<(Vec<Link>, Object), String> {
        let object = self
            .load_fixed(stand.number, site.id, stand.programs)
            .map_err(|error: LoadError| error.to_string())?;
        let mut links = Vec::new();
        for (name, returns) in stand.programs {
            let program = find(&object, name).map_err(|error| error.to_string())?;
            let offset = stand.offset as usize;
            let link = program.attach_uprobe(*returns, site.pid, site.path, offset);
            links.push(link.map_err(|error| error.to_string())?);
        }
        Ok((links, object))
    }

    fn program(&self, name: &str) -> libbpf_rs::Result<ProgramMut<'_>> {
        find(&self.main, name)
    }
}

impl Probes {
    fn settle<T: Into<Placed>>(&mut self, stand: &Stand, placed: Result<T, String>) {
        match placed {
            Ok(placed) => {
                let Placed { links, object } = placed.into();
                self.links.extend(links);
                self._objects.extend(object);
                self.hooked.push(stand.probed.clone());
            }
            Err(reason) => {
                let name = stand.probed.symbols.first().copied().unwrap_or("?");
                self.failed.push((name, reason));
            }
        }
    }

    /// Takes the probes of many files away. Each waits for the whole machine to pass a quiet
    /// moment, and they can wait for the same one.
    pub(crate) fn remove(all: Vec<Self>) {
        let mut links: Vec<_> = all.into_iter().flat_map(|probes| probes.links).collect();
        std::thread::scope(|scope| {
            while !links.is_empty() {
                let some = links.split_off(links.len().saturating_sub(REMOVED_BY_ONE));
                scope.spawn(move || drop(some));
            }
        });
    }

    /// Whether nothing stands.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

struct Placed {
    links: Vec<Link>,
    object: Option<Object>,
}

impl From<Vec<Link>> for Placed {
    fn from(links: Vec<Link>) -> Self {
        Self { links, object: None }
    }
}

impl From<(Vec<Link>, Object)> for Placed {
    fn from((links, object): (Vec<Link>, Object)) -> Self {
        Self { links, object: Some(object) }
    }
}

struct Site<'a> {
    path: &'a str,
    id: u32,
    pid: i32,
}

impl Site<'_> {
    /// What the probe tells its program: which file it stands in and which row or site it is.
    fn cookie(&self, stand: &Stand) -> u64 {
        u64::from(self.id) << 16 | u64::from(stand.number)
    }
}

/// The programs of all stands, each once, entries first.
fn in_order(stands: &[Stand]) -> Vec<At> {
    let mut order: Vec<At> = Vec::new();
    for at in stands.iter().flat_map(|stand| stand.programs) {
        if !order.contains(at) {
            order.push(*at);
        }
    }
    order.sort_by_key(|(_, returns)| *returns);
    order
}

fn find<'a>(object: &'a Object, name: &str) -> libbpf_rs::Result<ProgramMut<'a>> {
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    Ok(object.progs_mut().find(|program| program.name() == name).ok_or_else(missing)?)
}
