//! What the kernel half counts and remembers, read where the records can't tell: at a
//! connection's end, and for the summary.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};

/// The kernel half's tables.
#[derive(Debug)]
pub struct Books {
    /// Without plaintext there are none.
    conns: Option<MapHandle>,
    calls: Option<MapHandle>,
    counters: MapHandle,
}

/// The kernel half's counters, summed over all CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters([u64; COUNTERS]);

const COUNTERS: usize = abi::Counter::ALL.len();

impl Counters {
    /// One counter's value.
    pub fn of(&self, counter: abi::Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }
}

impl Books {
    pub(crate) fn of(object: &Object) -> libbpf_rs::Result<Self> {
        // A table that this run has no use for was not made.
        let open = |name: &str| {
            let map = object.maps().find(|map| map.name() == name);
            map.filter(|map| map.as_fd().as_raw_fd() >= 0)
                .map(|map| MapHandle::try_from(&map))
                .transpose()
        };
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        Ok(Self {
            conns: open("conns")?,
            calls: open("calls")?,
            counters: open("counters")?.ok_or_else(missing)?,
        })
    }

    /// Takes a connection and its calls in flight out of the tables: its last state, if the kernel
    /// half still knew it as the one that was first seen at `born_ns`.
    pub fn end(&self, tgid: u32, ptr: u64, born_ns: u64) -> Option<abi::ConnState> {
        let key = abi::ConnKey { ptr, tgid, pad: 0 }.to_bytes();
        let conns = self.conns.as_ref()?;
        let value = conns.lookup(&key, MapFlags::ANY).ok()??;
        let state = abi::ConnState::from_bytes(&value).filter(|state| state.born_ns == born_ns)?;
        // Gone already if the table was full; that is the same to us.
        let _ = conns.delete(&key);
        for sp in state.active_sp.into_iter().filter(|sp| *sp != 0) {
            self.end_call(tgid, sp);
        }
        Some(state)
    }

    /// Takes the place of a call that will never return.
    fn end_call(&self, tgid: u32, sp: u64) {
        let key = abi::CallKey { sp, tgid, pad: 0 }.to_bytes();
        if let Some(calls) = &self.calls {
            // Most calls are kept by their thread, and gone with it.
            let _ = calls.delete(&key);
        }
    }

    /// Every counter, summed over the CPUs, now.
    pub fn counters(&self) -> Counters {
        let mut sums = Counters::default();
        for (index, sum) in (0u32..).zip(&mut sums.0) {
            let values = self.counters.lookup_percpu(&index.to_ne_bytes(), MapFlags::ANY);
            for value in values.ok().flatten().unwrap_or_default() {
                let word = value.get(..8).and_then(|word| word.try_into().ok());
                *sum = sum.wrapping_add(word.map_or(0, u64::from_ne_bytes));
            }
        }
        sums
    }
}
