//! From the bytes of a record to what it says.

use abi::{Head, Kind, Line, LineWhat};

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The program waits for a command, and is done with the one before.
    Prompt,
    /// It waits for the rest of a command.
    Continues,
    /// This was typed.
    Typed,
    /// This line of it is replaced.
    Before,
    /// By this; without text: the line was refused.
    After,
    /// The program gave its process to another one.
    Exec,
    /// It ended.
    Exit,
}

/// A record, and the piece of a text that it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Who and when: `time_ns` is CLOCK_BOOTTIME, `file` the file with the probed function.
    pub head: Head,
    /// What it says.
    pub what: What,
    /// The parent process.
    pub ppid: u32,
    /// The controlling terminal, as the kernel names it: `pts3`, and zeros.
    pub tty: [u8; abi::TTY],
    /// The exit status of the command before, as in `$?`, if that is known.
    pub status: Option<i32>,
    /// The program has statuses: one will come.
    pub awaits: bool,
    /// Where in its text the piece begins.
    pub offset: u32,
    /// The piece.
    pub text: &'a [u8],
    /// It is the text's last.
    pub last: bool,
    /// More of the text was not taken.
    pub cut: bool,
    /// More of the text could not be read.
    pub unreadable: bool,
    /// The text is written as zsh keeps it.
    pub meta: bool,
}

/// Why a record says nothing about lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends too early.
    #[error("a record of {0} bytes is no line")]
    Short(usize),
    /// It is about something else.
    #[error("a record of kind {0} is no line")]
    Kind(u8),
    /// What it says is not in the contract.
    #[error("a line with unknown meaning {0}")]
    What(u8),
    /// It promises more text than it has.
    #[error("a line with {has} bytes of text, and {says} promised")]
    Length {
        /// Bytes behind the fixed part.
        has: usize,
        /// Bytes that it says there are.
        says: u32,
    },
}

impl<'a> Record<'a> {
    /// Reads a record. The ring rounds records up, so bytes past the content are ignored.
    pub fn decode(record: &'a [u8]) -> Result<Self, DecodeError> {
        let raw = Line::from_bytes(record).ok_or(DecodeError::Short(record.len()))?;
        if raw.head.kind != Kind::Line as u8 {
            return Err(DecodeError::Kind(raw.head.kind));
        }
        let what = match LineWhat::from_u8(raw.what).ok_or(DecodeError::What(raw.what))? {
            LineWhat::Prompt => What::Prompt,
            LineWhat::Continues => What::Continues,
            LineWhat::Typed => What::Typed,
            LineWhat::Before => What::Before,
            LineWhat::After => What::After,
            LineWhat::Exec => What::Exec,
            LineWhat::Exit => What::Exit,
        };
        let rest = &record[Line::SIZE..];
        let text = rest.get(..raw.head.len as usize);
        let text = text.ok_or(DecodeError::Length { has: rest.len(), says: raw.head.len })?;
        let flag = |flag: u8| raw.flags & flag != 0;
        Ok(Self {
            head: raw.head,
            what,
            ppid: raw.ppid,
            tty: raw.tty,
            status: flag(abi::LINE_STATUS).then_some(raw.status as i32),
            awaits: flag(abi::LINE_AWAITS),
            offset: raw.offset,
            text,
            last: flag(abi::LINE_LAST),
            cut: flag(abi::LINE_CUT),
            unreadable: flag(abi::LINE_UNREADABLE),
            meta: flag(abi::LINE_META),
        })
    }
}
