//! Go's own table of functions (`runtime.pclntab`, in `debug/gosym` and `runtime/symtab.go`), which
//! is in every Go program, stripped or not: the runtime needs it for its stack traces.
//!
//! Pure: bytes in, addresses out. The bytes may be anything.

use std::ops::Range;

/// Functions of one program, at most.
const FUNCTIONS_MAX: u64 = 1 << 22;
/// What is before the first function's name.
const HEADER: usize = 8;

/// A table whose parts are where its header says.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    names: &'a [u8],
    /// Where functions begin and what is told of them, by pairs; then where the last one ends.
    functions: &'a [u8],
    count: usize,
    layout: Layout,
    /// What addresses are counted from, if the file says it in place.
    pub(crate) text: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Go 1.16 and 1.17: whole addresses.
    Wide,
    /// Since Go 1.18: 32-bit distances from the beginning of the code.
    Narrow,
}

impl<'a> Table<'a> {
    /// Where in the table the beginning of the code stands, as an address that may be relocated.
    pub(crate) const TEXT_AT: u64 = (HEADER + 16) as u64;

    /// Reads the header.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [magic @ .., 0, 0, quantum, 8] = *bytes.first_chunk::<HEADER>()? else { return None };
        let layout = match u32::from_le_bytes(magic) {
            0xffff_fffa => Layout::Wide,
            0xffff_fff0 | 0xffff_fff1 => Layout::Narrow,
            _ => return None,
        };
        if !matches!(quantum, 1 | 4) {
            return None;
        }
        let count = word(bytes, HEADER)?;
        if count > FUNCTIONS_MAX {
            return None;
        }
        // functions, files, text, names, units, files' names, lines, functions' table
        let (text, names, functions) = match layout {
            Layout::Wide => (0, word(bytes, HEADER + 16)?, word(bytes, HEADER + 48)?),
            Layout::Narrow => {
                (word(bytes, HEADER + 16)?, word(bytes, HEADER + 24)?, word(bytes, HEADER + 56)?)
            }
        };
        let from = |at: u64| bytes.get(usize::try_from(at).ok()?..);
        let table = Self {
            names: from(names)?,
            functions: from(functions)?,
            count: count as usize,
            layout,
            text,
        };
        let size = table.field() * (2 * table.count + 1);
        (table.functions.len() >= size).then_some(table)
    }

    /// The code of the functions with these names, if each is there once: places in the table's own
    /// count.
    pub(crate) fn find(&self, name: &str) -> Option<Range<u64>> {
        let wanted = self.name(name)?;
        let mut found = (0..self.count).filter(|&n| self.name_of(n) == Some(wanted));
        let n = found.next()?;
        if found.next().is_some() {
            return None;
        }
        let range = self.start(n)?..self.start(n + 1)?;
        (!range.is_empty()).then_some(range)
    }

    /// Where a name stands among the names.
    fn name(&self, name: &str) -> Option<u32> {
        let whole: Vec<u8> = [b"\0", name.as_bytes(), b"\0"].concat();
        let at = memchr::memmem::find(self.names, &whole)?;
        u32::try_from(at + 1).ok()
    }

    /// The same of a function. What is told of it begins with its address.
    fn name_of(&self, n: usize) -> Option<u32> {
        let told = self.value((2 * n + 1) * self.field())?;
        let told = usize::try_from(told).ok()?;
        let at = told.checked_add(self.field())?;
        Some(u32::from_le_bytes(*self.functions.get(at..)?.first_chunk()?))
    }

    fn start(&self, n: usize) -> Option<u64> {
        self.value(2 * n * self.field())
    }

    fn value(&self, at: usize) -> Option<u64> {
        match self.layout {
            Layout::Wide => word(self.functions, at),
            Layout::Narrow => {
                Some(u32::from_le_bytes(*self.functions.get(at..)?.first_chunk()?).into())
            }
        }
    }

    fn field(&self) -> usize {
        if self.layout == Layout::Wide { 8 } else { 4 }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of Go 1.20 with these functions: name, where it begins; the last is where they end.
    fn table(functions: &[(&str, u32)], end: u32) -> Vec<u8> {
        let mut names = vec![0];
        let mut told = Vec::new();
        let mut starts = Vec::new();
        let size = 4 * (2 * functions.len() + 1);
        for (name, start) in functions {
            starts.extend(start.to_le_bytes());
            starts.extend(((size + told.len()) as u32).to_le_bytes());
            told.extend(start.to_le_bytes());
            told.extend((names.len() as u32).to_le_bytes());
            names.extend(name.as_bytes());
            names.push(0);
        }
        starts.extend(end.to_le_bytes());
        let at = |n: usize| (n as u64).to_le_bytes();
        let mut bytes = vec![0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
        let header = HEADER + 8 * 8;
        for value in [functions.len(), 0, 0x1000, header, 0, 0, 0, header + names.len()] {
            bytes.extend(at(value));
        }
        [bytes, names, starts, told].concat()
    }

    #[test]
    fn functions_are_found_by_name() {
        let bytes = table(&[("a.f", 0), ("a.ff", 16), ("b.f", 48)], 64);
        let table = Table::parse(&bytes).unwrap();
        assert_eq!(table.text, 0x1000);
        assert_eq!(table.find("a.f"), Some(0..16));
        assert_eq!(table.find("a.ff"), Some(16..48));
        assert_eq!(table.find("b.f"), Some(48..64));
        assert_eq!(table.find("f"), None);
        assert_eq!(table.find("c.f"), None);
    }

    #[test]
    fn what_ends_before_it_begins_is_no_function() {
        let bytes = table(&[("a.f", 9)], 3);
        assert_eq!(Table::parse(&bytes).unwrap().find("a.f"), None);
    }

    #[test]
    fn no_cut_and_no_flipped_byte_panics() {
        let bytes = table(&[("a.f", 0), ("b.f", 16)], 32);
        for len in 0..bytes.len() {
            let _ = Table::parse(&bytes[..len]).and_then(|table| table.find("b.f"));
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = Table::parse(&bytes).and_then(|table| table.find("b.f"));
            }
        }
    }
}
