//! Programs that ran while a library that they use was not hooked yet.

use std::fmt;

use crate::escape;

/// A process that may have moved bytes unseen, because a library was hooked after it had mapped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhooked {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The program that it runs; `?` if that is not known.
    pub exe: String,
    /// The file that was hooked late.
    pub lib: String,
    /// How long it ran without; `None`: not known.
    pub ns: Option<u64>,
    /// Why it was not held meanwhile, in one word.
    pub reason: &'static str,
    /// The same as a sentence.
    pub why: String,
}

/// `PID 812 (curl) used /opt/libssl.so.3 for 1.204 s before it was hooked (--no-hold)`. A process
/// chooses its name and its paths: control characters are escaped.
impl fmt::Display for Unhooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, comm, lib, ns, why, .. } = self;
        let name = |text: &str| {
            let mut safe = Vec::new();
            escape::name(&mut safe, text.as_bytes());
            String::from_utf8_lossy(&safe).into_owned()
        };
        write!(f, "PID {pid} ({}) used {} ", name(comm), name(lib))?;
        match ns {
            Some(ns) => write!(f, "for {:.3} s", *ns as f64 / 1e9)?,
            None => f.write_str("for a time")?,
        }
        write!(f, " before it was hooked ({why})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_whatever_a_program_calls_itself() {
        let mut one = Unhooked {
            pid: 7,
            comm: "a\nb".to_owned(),
            exe: "/a".to_owned(),
            lib: "/x\x1b[2J/libssl.so".to_owned(),
            ns: Some(1_203_900_000),
            reason: "no-hold",
            why: "--no-hold".to_owned(),
        };
        let line = one.to_string();
        assert!(line.starts_with("PID 7 (a\\nb) used /x\\x1b[2J/libssl.so for 1.204 s"), "{line}");
        one.ns = None;
        assert!(one.to_string().ends_with(" for a time before it was hooked (--no-hold)"));
    }
}
