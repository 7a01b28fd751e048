//! What this process may do, and how far the kernel is locked down.

use std::fs;

/// The capabilities that matter, of this process.
#[derive(Debug, Clone, Copy)]
pub struct Rights {
    effective: u64,
}

/// linux/capability.h
const SYS_PTRACE: u8 = 19;
const SYS_ADMIN: u8 = 21;
const PERFMON: u8 = 38;
const BPF: u8 = 39;

impl Rights {
    /// Of the calling process.
    pub fn own() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        Self { effective: effective.unwrap_or(0) }
    }

    /// Capabilities that are needed and not held.
    pub fn missing(self) -> Vec<&'static str> {
        // CAP_SYS_ADMIN implies what CAP_BPF and CAP_PERFMON allow.
        let admin = self.has(SYS_ADMIN);
        let needed = [
            (admin || self.has(BPF), "CAP_BPF (loading programs)"),
            (admin || self.has(PERFMON), "CAP_PERFMON (probes and reading memory)"),
            (self.has(SYS_PTRACE), "CAP_SYS_PTRACE (other processes' mappings)"),
            (admin, "CAP_SYS_ADMIN (opening mapped files in /proc/PID/map_files)"),
        ];
        needed.into_iter().filter(|(held, _)| !held).map(|(_, name)| name).collect()
    }

    fn has(self, capability: u8) -> bool {
        self.effective >> capability & 1 == 1
    }
}

/// What /sys/kernel/security/lockdown says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lockdown {
    /// No such file: no lockdown, or securityfs is not mounted.
    Unknown,
    /// The mode in brackets: none, integrity, confidentiality.
    Mode(String),
}

impl Lockdown {
    /// Reads it.
    pub fn read() -> Self {
        let Ok(text) = fs::read_to_string("/sys/kernel/security/lockdown") else {
            return Self::Unknown;
        };
        let mode = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        mode.map_or(Self::Unknown, |(mode, _)| Self::Mode(mode.to_owned()))
    }
}
