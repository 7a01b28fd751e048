//! The other end of the kernel half: finds the libraries that programs use, places probes in
//! them, and hands out the records that the probes write.
//!
//! Raw records go out; what they mean is `stream`'s business. This is the only crate that calls
//! libbpf, compiles C, or holds `unsafe` code.

mod arrivals;
mod attach;
mod books;
mod capture;
mod control;
mod cost;
mod elf;
mod examine;
mod features;
mod flows;
mod golang;
mod hold;
mod hooks;
mod hurry;
mod keycache;
mod keys;
pub mod keyscan;
mod late;
mod lines;
mod load;
mod maps;
mod memory;
mod names;
mod net;
mod pause;
mod plan;
mod programs;
mod rights;
mod ring;
mod scout;
pub mod site;
mod stay;
mod survey;
mod table;
pub mod target;
mod trial;
mod watch;

pub use abi::Counter;
pub use books::{Books, Counters};
pub use capture::ignore_outgoing;
pub use control::{Control, Truncate};
pub use cost::{Cost, Spent};
pub use elf::{ElfError, Source};
pub use features::Features;
pub use hooks::{HandError, Hooked, Hooks, Passed, Report};
pub use keycache::{Evidence, Identity, KeyCache, Witness};
pub use late::Late;
pub use lines::Lines;
pub use load::{Cgroup, Kernel, LoadError, Overload, Settings};
pub use maps::{CodeMap, FileKey, comm, exe};
pub use memory::read_memory;
pub use names::{Library, Names};
pub use net::{Net, NetError};
pub use pause::{GoOn, Pause, PauseError, Paused};
pub use plan::Probed;
pub use rights::{Lockdown, Rights};
pub use ring::{Ring, RingError, Woken};
pub use scout::Scout;
pub use stay::{Ran, Unheld};
pub use survey::{Carrier, Survey};
pub use trial::TrialError;
pub use watch::{Watch, WatchError};

/// Rings that one run can have, at most.
pub const SHARDS_MAX: u32 = abi::SHARDS as u32;

/// Silences libbpf, whose messages go to stderr, except for those that `log` wants.
pub fn set_libbpf_log(log: fn(PrintLevel, String)) {
    libbpf_rs::set_print(Some((PrintLevel::Debug, log)));
}

pub use libbpf_rs::{Error as ControlError, PrintLevel};
