//! What may change while the kernel half runs: how much it takes when it is busy.

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};

use crate::load::Settings;

/// When calls are cut, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncate {
    /// Bytes in use in a ring from which calls are cut; 0: every call is.
    pub from: u64,
    /// Payload bytes taken of a call that is cut; the rest is a gap of its own reason.
    pub keep: u64,
}

/// The kernel half's levers. It looks at them only if
/// [`Settings::steered`](crate::Settings::steered) was set when it was loaded.
#[derive(Debug)]
pub struct Control {
    map: MapHandle,
    now: abi::Control,
}

impl Control {
    /// Sets what holds when the programs begin to run.
    pub(crate) fn of(object: &Object, settings: &Settings) -> libbpf_rs::Result<Self> {
        let map = object.maps().find(|map| map.name() == "control");
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let map = MapHandle::try_from(&map.ok_or_else(missing)?)?;
        let now = abi::Control { sample: settings.sample, ..abi::Control::default() };
        let mut control = Self { map, now };
        control.set_truncate(settings.truncate())?;
        Ok(control)
    }

    /// Cuts calls that return from now on; `None`: no more. Fails if the kernel refuses, which it
    /// has no reason to.
    pub fn set_truncate(&mut self, truncate: Option<Truncate>) -> libbpf_rs::Result<()> {
        let never = Truncate { from: u64::MAX, keep: u64::MAX };
        let Truncate { from, keep } = truncate.unwrap_or(never);
        self.now = abi::Control { truncate_from: from, keep_bytes: keep, ..self.now };
        self.write()
    }

    /// Shows one connection in `n` of those that begin from now on; 0 and 1: all. What was chosen
    /// for those that are there stays.
    pub fn set_sample(&mut self, n: u32) -> libbpf_rs::Result<()> {
        self.now.sample = n;
        self.write()
    }

    fn write(&self) -> libbpf_rs::Result<()> {
        self.map.update(&0u32.to_ne_bytes(), &self.now.to_bytes(), MapFlags::ANY)
    }
}
