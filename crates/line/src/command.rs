//! What comes out.

use std::fmt;

/// A command line, or a line that a program other than a shell read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// When it was typed, CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// When the program was done with it, if that was seen.
    pub ended_ns: Option<u64>,
    /// The process that read it.
    pub pid: u32,
    /// Its parent.
    pub ppid: u32,
    /// The user that it ran as.
    pub uid: u32,
    /// The file with the probed function.
    pub file: u32,
    /// The process's name.
    pub comm: [u8; abi::COMM],
    /// The controlling terminal, as the kernel names it: `pts3`, and zeros.
    pub tty: [u8; abi::TTY],
    /// What was typed, lines with a line end between them.
    pub text: Vec<u8>,
    /// Why there is more that is not shown, if there is.
    pub missing: Option<Missing>,
    /// The exit status, as in `$?`, if the program has such a thing and it was seen.
    pub status: Option<i32>,
}

/// Why a command is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Longer than what is taken of one.
    Cut,
    /// A record found no room.
    Lost,
    /// The program's memory could not be read.
    Unreadable,
}

impl Missing {
    /// Its name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Lost => "lost",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "the rest is longer than what is taken",
            Self::Lost => "the rest found no room in the ring",
            Self::Unreadable => "the rest could not be read",
        })
    }
}

impl Command {
    /// The process's name without the zeros behind it.
    pub fn comm(&self) -> &[u8] {
        until_zero(&self.comm)
    }

    /// The terminal's name below `/dev`, or nothing.
    pub fn tty(&self) -> Vec<u8> {
        let name = until_zero(&self.tty);
        match name.strip_prefix(b"pts") {
            Some(number) if !number.is_empty() && number.iter().all(u8::is_ascii_digit) => {
                [b"pts/", number].concat()
            }
            _ => name.to_vec(),
        }
    }

    /// How long it ran, in nanoseconds.
    pub fn ran_ns(&self) -> Option<u64> {
        self.ended_ns.map(|ended| ended.saturating_sub(self.time_ns))
    }
}

fn until_zero(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    &name[..end]
}
