//! Places probes: a file's functions and the rows they answer to, as links that hold them there.

use std::fs::File;
use std::os::fd::AsRawFd;

use libbpf_rs::{Link, Object, ProgramMut, UprobeMultiOpts, UprobeOpts};

use crate::elf::Function;
use crate::load::{Kernel, LoadError, multi};
use crate::target::{Op, Row};

/// A row and its number.
pub(crate) type Numbered = (u16, &'static Row);

/// Links that one thread removes in a row, when many are.
const REMOVED_BY_ONE: usize = 1;

/// The probes of one file. Dropping it takes them away.
#[derive(Debug, Default)]
pub struct Probes {
    links: Vec<Link>,
    /// Programs that exist for one function alone.
    _objects: Vec<Object>,
    /// Symbols whose probes stand.
    pub hooked: Vec<&'static str>,
    /// Symbols that were there and could not be probed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl Kernel {
    /// Probes `functions` of `file`, which records will call `id`, in process `pid` or in all.
    pub fn attach(
        &self,
        file: &File,
        id: u32,
        functions: &[Function<Numbered>],
        pid: Option<u32>,
    ) -> Probes {
        // The file that was examined, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let site = Site { path: &path, id, pid: pid.map_or(-1, |pid| pid as i32) };
        let mut probes = Probes::default();
        if !self.features.cookies {
            for function in functions {
                let one = self.attach_fixed(&site, function);
                probes.settle(function, one);
            }
            return probes;
        }
        if multi(&self.settings, &self.features) {
            self.attach_many(&site, functions, &mut probes);
            return probes;
        }
        for function in functions {
            let links = placements(function.what.1).iter().map(|(program, returns)| {
                self.program(program)?.attach_uprobe_with_opts(
                    site.pid,
                    site.path,
                    function.offset as usize,
                    UprobeOpts {
                        cookie: site.cookie(function),
                        retprobe: *returns,
                        ..UprobeOpts::default()
                    },
                )
            });
            let links: libbpf_rs::Result<Vec<_>> = links.collect();
            probes.settle(function, links.map_err(|error| error.to_string()));
        }
        probes
    }

    /// One link for all functions of a kind; if the kernel refuses it, one link per function, to
    /// learn which it does not like.
    fn attach_many(&self, site: &Site<'_>, functions: &[Function<Numbered>], probes: &mut Probes) {
        let whole = self.attach_multi(site, functions);
        if let Ok(links) = whole {
            probes.links.extend(links);
            probes.hooked.extend(functions.iter().map(|function| function.what.1.symbol));
            return;
        }
        for function in functions {
            let links = self.attach_multi(site, std::slice::from_ref(function));
            probes.settle(function, links.map_err(|error| error.to_string()));
        }
    }

    fn attach_multi(
        &self,
        site: &Site<'_>,
        functions: &[Function<Numbered>],
    ) -> libbpf_rs::Result<Vec<Link>> {
        let mut links = Vec::new();
        // Entries before returns: a return without its entry would count bytes that nobody owns.
        for kind in [("buf_entry", false), ("buf_return", true), ("conn_end", false)] {
            let chosen: Vec<_> =
                functions.iter().filter(|f| placements(f.what.1).contains(&kind)).collect();
            if chosen.is_empty() {
                continue;
            }
            let options = UprobeMultiOpts {
                offsets: chosen.iter().map(|function| function.offset as usize).collect(),
                cookies: chosen.iter().map(|function| site.cookie(function)).collect(),
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
        function: &Function<Numbered>,
    ) -> Result<(Vec<Link>, Object), String> {
        let object = self
            .load_fixed(function.what.0, site.id)
            .map_err(|error: LoadError| error.to_string())?;
        let mut links = Vec::new();
        for (name, returns) in placements(function.what.1) {
            let program = find(&object, name).map_err(|error| error.to_string())?;
            let offset = function.offset as usize;
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
    fn settle<T: Into<Placed>>(
        &mut self,
        function: &Function<Numbered>,
        placed: Result<T, String>,
    ) {
        let symbol = function.what.1.symbol;
        match placed {
            Ok(placed) => {
                let Placed { links, object } = placed.into();
                self.links.extend(links);
                self._objects.extend(object);
                self.hooked.push(symbol);
            }
            Err(reason) => self.failed.push((symbol, reason)),
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
    pub fn is_empty(&self) -> bool {
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
    fn cookie(&self, function: &Function<Numbered>) -> u64 {
        u64::from(self.id) << 16 | u64::from(function.what.0)
    }
}

/// The programs that a row needs, and whether each stands on the return side.
fn placements(row: &Row) -> &'static [(&'static str, bool)] {
    match row.op {
        Op::Call { .. } => &[("buf_entry", false), ("buf_return", true)],
        Op::End(_) | Op::Reset(_) => &[("conn_end", false)],
    }
}

fn find<'a>(object: &'a Object, name: &str) -> libbpf_rs::Result<ProgramMut<'a>> {
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    Ok(object.progs_mut().find(|program| program.name() == name).ok_or_else(missing)?)
}
