//! Where a capture is made, as the file says it.

use std::fs;

/// The program that captures.
pub(in crate::run) const APPLICATION: &str = concat!("ecapture ", env!("CARGO_PKG_VERSION"));

/// The processor.
pub(in crate::run) fn hardware() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// The kernel and the distribution.
pub(in crate::run) fn os() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = format!("Linux {}", kernel.trim());
    name.map_or_else(|| kernel.clone(), |name| format!("{kernel}, {}", name.trim_matches('"')))
}
