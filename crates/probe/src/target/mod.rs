//! What is probed, as data: one small file per library, one line here.
//!
//! A row names a function and says which argument is what; it never says how to read it. The
//! kernel half gets the row's number with the probe, looks the row up and does the reading.

mod gnutls;
mod go;
mod mbedtls;
mod nss;
mod openssl;
mod row;
mod s2n;
mod wolfssl;

pub use row::{Buf, Call, Len, Op, Peek, Row};

/// Every library that can be hooked.
pub const TARGETS: &[&Target] = &[
    &openssl::OPENSSL,
    &gnutls::GNUTLS,
    &nss::NSS,
    &mbedtls::MBEDTLS,
    &wolfssl::WOLFSSL,
    &s2n::S2N,
    &go::GO,
];

/// One library, by what it exports.
#[derive(Debug)]
pub struct Target {
    /// What users call it on the command line; the first is its name in reports.
    pub names: &'static [&'static str],
    /// How the names of its files begin: one that can't be read is reported.
    pub files: &'static [&'static str],
    /// The functions probed, each if the file at hand has it.
    pub rows: &'static [Row],
}

impl Target {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// The library that users call so.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.names.contains(&name)).copied()
}

/// The rows of all targets in one numbering: the number travels with the probe.
pub fn rows() -> impl Iterator<Item = (u16, &'static Target, &'static Row)> {
    let all = TARGETS.iter().flat_map(|target| target.rows.iter().map(move |row| (*target, row)));
    (0u16..).zip(all).map(|(number, (target, row))| (number, target, row))
}

/// The name of the library that a row is of.
pub(crate) fn of_row(number: u16) -> Option<&'static str> {
    rows().find(|(row, ..)| *row == number).map(|(_, target, _)| target.name())
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
            let num = if row.num == abi::NO_ARG as u8 { 0 } else { row.num };
            let go = abi::GO_ARG as u8..abi::GO_ARG as u8 + 4;
            for argument in [row.conn, row.buf, num, row.out] {
                assert!(argument < 6 || go.contains(&argument));
            }
        }
    }
}
