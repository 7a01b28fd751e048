//! Places probes: a file's functions and the rows they answer to, as links that hold them there.

use std::fs::File;
use std::os::fd::AsRawFd;

use libbpf_rs::{Link, Object, ProgramMut, UprobeMultiOpts, UprobeOpts};

use crate::load::{Kernel, LoadError, multi};
use crate::plan::{Placement, Probed};
use crate::target::{Op, Row};

/// Links that one thread removes in a row, when many are.
const REMOVED_BY_ONE: usize = 1;

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
        placements: &[Placement],
        pid: Option<u32>,
    ) -> Probes {
        // The file that was examined, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let site = Site { path: &path, id, pid: pid.map_or(-1, |pid| pid as i32) };
        let mut probes = Probes::default();
        if !self.features.cookies {
            for placement in placements {
                let one = self.attach_fixed(&site, placement);
                probes.settle(placement, one);
            }
            return probes;
        }
        if multi(&self.settings, &self.features) {
            self.attach_many(&site, placements, &mut probes);
            return probes;
        }
        for placement in placements {
            let links = programs(placement.row.1).iter().map(|(program, returns)| {
                self.program(program)?.attach_uprobe_with_opts(
                    site.pid,
                    site.path,
                    placement.offset as usize,
                    UprobeOpts {
                        cookie: site.cookie(placement),
                        retprobe: *returns,
                        ..UprobeOpts::default()
                    },
                )
            });
            let links: libbpf_rs::Result<Vec<_>> = links.collect();
            probes.settle(placement, links.map_err(|error| error.to_string()));
        }
        probes
    }

    /// One link for all probes of a kind; if the kernel refuses it, one link per probe, to
    /// learn which it does not like.
    fn attach_many(&self, site: &Site<'_>, placements: &[Placement], probes: &mut Probes) {
        let whole = self.attach_multi(site, placements);
        if let Ok(links) = whole {
            probes.links.extend(links);
            probes.hooked.extend(placements.iter().map(Placement::probed));
            return;
        }
        for placement in placements {
            let links = self.attach_multi(site, std::slice::from_ref(placement));
            probes.settle(placement, links.map_err(|error| error.to_string()));
        }
    }

    fn attach_multi(
        &self,
        site: &Site<'_>,
        placements: &[Placement],
    ) -> libbpf_rs::Result<Vec<Link>> {
        let mut links = Vec::new();
        // Entries before returns: a return without its entry would count bytes that nobody owns.
        for kind in [("buf_entry", false), ("buf_return", true), ("conn_end", false)] {
            let chosen: Vec<_> =
                placements.iter().filter(|one| programs(one.row.1).contains(&kind)).collect();
            if chosen.is_empty() {
                continue;
            }
            let options = UprobeMultiOpts {
                offsets: chosen.iter().map(|placement| placement.offset as usize).collect(),
                cookies: chosen.iter().map(|placement| site.cookie(placement)).collect(),
                retprobe: kind.1,
                ..UprobeMultiOpts::default()
            };
            let program = self.program(kind.0)?;
            links.push(program.attach_uprobe_multi_with_opts(site.pid, site.path, "", options)?);
        }
        Ok(links)
    }

    /// One load for one function, whose programs know their row by heart.
    fn attach_fixed(
        &self,
        site: &Site<'_>,
        placement: &Placement,
    ) -> Result<(Vec<Link>, Object), String> {
        let object = self
            .load_fixed(placement.row.0, site.id)
            .map_err(|error: LoadError| error.to_string())?;
        let mut links = Vec::new();
        for (name, returns) in programs(placement.row.1) {
            let program = find(&object, name).map_err(|error| error.to_string())?;
            let offset = placement.offset as usize;
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
    fn settle<T: Into<Placed>>(&mut self, placement: &Placement, placed: Result<T, String>) {
        match placed {
            Ok(placed) => {
                let Placed { links, object } = placed.into();
                self.links.extend(links);
                self._objects.extend(object);
                self.hooked.push(placement.probed());
            }
            Err(reason) => self.failed.push((placement.row.1.symbol, reason)),
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
    /// What the probe tells its program: which file it stands in and which row it is.
    fn cookie(&self, placement: &Placement) -> u64 {
        u64::from(self.id) << 16 | u64::from(placement.row.0)
    }
}

/// The programs that a row needs, and whether each stands on the return side.
fn programs(row: &Row) -> &'static [(&'static str, bool)] {
    match row.op {
        Op::Call { .. } => &[("buf_entry", false), ("buf_return", true)],
        Op::End(_) | Op::Reset(_) => &[("conn_end", false)],
    }
}

fn find<'a>(object: &'a Object, name: &str) -> libbpf_rs::Result<ProgramMut<'a>> {
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    Ok(object.progs_mut().find(|program| program.name() == name).ok_or_else(missing)?)
}
