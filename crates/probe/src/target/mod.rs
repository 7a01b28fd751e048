//! What is probed, as data: one small file per library, one line here.
//!
//! A row names a function and says which argument is what; it never says how to read it. The
//! kernel half gets the row's number with the probe, looks the row up and does the reading.

mod known;
mod openssl;

pub use known::{KNOWN, Known};

use abi::Dir;

/// Every library that can be hooked.
pub const TARGETS: &[&Target] = &[&openssl::OPENSSL];

/// One library, by what it exports.
#[derive(Debug)]
pub struct Target {
    /// What users call it on the command line and in reports.
    pub name: &'static str,
    /// The functions probed, each if the file at hand has it.
    pub rows: &'static [Row],
}

/// One function.
#[derive(Debug)]
pub struct Row {
    /// The symbol, as the library exports it, or a name for people if it does not.
    pub symbol: &'static str,
    /// Exported functions that only hand their calls to this one, which has no symbol of its own:
    /// it is found through their code. Empty for an exported function.
    pub behind: &'static [&'static str],
    /// What a call of it means.
    pub op: Op,
}

/// What a call means. Arguments are numbered from 0.
#[derive(Debug)]
pub enum Op {
    /// Moves bytes through the library.
    Call {
        /// Which way, as the program sees it.
        dir: Dir,
        /// The argument with the connection's pointer.
        conn: u8,
        /// The caller's buffer, or `None` when the bytes come from elsewhere (a file).
        buf: Option<u8>,
        /// The argument with the requested size.
        num: u8,
        /// Where the number of moved bytes stands on return.
        len: Len,
        /// The bytes stay in the library and will be read again.
        peek: bool,
    },
    /// Ends the connection in this argument.
    End(u8),
    /// Makes the connection in this argument ready for another peer.
    Reset(u8),
}

/// Where the number of moved bytes stands on return.
#[derive(Debug, Clone, Copy)]
pub enum Len {
    /// The return value, an `int`.
    Int,
    /// The return value, an `ssize_t`.
    Long,
    /// Behind this argument, a `size_t *`, if the function returned 1.
    Out(u8),
}

impl Row {
    /// The row as the kernel half reads it.
    pub fn to_abi(&self) -> abi::Row {
        let empty = abi::Row { op: 0, dir: 0, conn: 0, buf: 0, num: 0, len: 0, out: 0, flags: 0 };
        match self.op {
            Op::End(conn) => abi::Row { op: abi::Op::End as u8, conn, ..empty },
            Op::Reset(conn) => abi::Row { op: abi::Op::Reset as u8, conn, ..empty },
            Op::Call { dir, conn, buf, num, len, peek } => {
                let (len, out) = match len {
                    Len::Int => (abi::Len::Ret, 0),
                    Len::Long => (abi::Len::RetLong, 0),
                    Len::Out(out) => (abi::Len::Out, out),
                };
                let no_buffer = if buf.is_none() { abi::ROW_NO_BUFFER } else { 0 };
                abi::Row {
                    op: abi::Op::Call as u8,
                    dir: dir as u8,
                    conn,
                    buf: buf.unwrap_or(0),
                    num,
                    len: len as u8,
                    out,
                    flags: no_buffer | if peek { abi::ROW_PEEK } else { 0 },
                }
            }
        }
    }

    /// Arguments that a probe on entry reads, a bit each.
    pub(crate) fn reads(&self) -> u8 {
        match self.op {
            Op::End(conn) | Op::Reset(conn) => 1 << conn,
            Op::Call { conn, buf, num, len, .. } => {
                let out = if let Len::Out(out) = len { 1 << out } else { 0 };
                1 << conn | buf.map_or(0, |buf| 1 << buf) | 1 << num | out
            }
        }
    }

    /// Whether the row's function is also looked at when it returns.
    pub fn returns(&self) -> bool {
        matches!(self.op, Op::Call { .. })
    }
}

/// The rows of all targets in one numbering: the number travels with the probe.
pub fn rows() -> impl Iterator<Item = (u16, &'static Target, &'static Row)> {
    let all = TARGETS.iter().flat_map(|target| target.rows.iter().map(move |row| (*target, row)));
    (0u16..).zip(all).map(|(number, (target, row))| (number, target, row))
}

/// The name of the library that a row is of.
pub(crate) fn of_row(number: u16) -> Option<&'static str> {
    rows().find(|(row, ..)| *row == number).map(|(_, target, _)| target.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_half_has_room_for_every_row() {
        assert!(rows().count() <= abi::ROWS);
    }

    #[test]
    fn symbols_are_named_once() {
        let mut names: Vec<_> = rows().map(|(_, _, row)| row.symbol).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn arguments_fit_in_registers() {
        for (_, _, row) in rows() {
            let row = row.to_abi();
            for argument in [row.conn, row.buf, row.num, row.out] {
                assert!(argument < 6);
            }
        }
    }
}
