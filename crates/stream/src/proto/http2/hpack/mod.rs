//! Header compression (RFC 7541): bytes of a header block in, fields out. Decodes from the middle of
//! a connection as well; what cannot be resolved is `None`. [`table`] says why a value that is told
//! is never a wrong one.

mod huffman;
mod integer;
mod statics;
mod table;

use statics::STATIC;
use table::{Entry, Table};

use integer::integer;

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockEnd {
    /// With a field.
    Whole,
    /// Within a field.
    Cut,
}

/// The decoder of one direction.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table,
    budget: usize,
    /// Used again for every string.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// A string's bytes: those of the block, or in a buffer if they had to be decoded.
enum Text<'a> {
    Plain(&'a [u8]),
    Decoded,
}

impl Decoder {
    /// For a direction of which everything was seen. `budget`: bytes of the dynamic table that are
    /// held, by the RFC's count.
    pub(crate) fn fresh(budget: usize) -> Self {
        Self { table: Table::fresh(budget), budget, name: Vec::new(), value: Vec::new() }
    }

    /// For a direction whose beginning was not seen.
    pub(crate) fn late(budget: usize) -> Self {
        Self { table: Table::late(budget), ..Self::fresh(budget) }
    }

    /// Forgets the table: a block, or a part of one, is missing.
    pub(crate) fn lose(&mut self) {
        self.table = Table::late(self.budget);
    }

    /// Bytes that it keeps.
    pub(crate) fn held(&self) -> usize {
        self.table.held() + self.name.capacity() + self.value.capacity()
    }

    /// Decodes a header block and tells each field. Must be called for every block in order. After an
    /// error, or if the block is cut, the table is forgotten.
    ///
    /// # Errors
    ///
    /// What about the block breaks the RFC, in a few words. Fields before it have been told.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        mut tell: impl FnMut(Option<&[u8]>, Option<&[u8]>),
    ) -> Result<BlockEnd, &'static str> {
        let mut rest = block;
        let mut fields = 0u64;
        while let Some(&first) = rest.first() {
            let len = rest.len();
            let taken = match first {
                0x80.. => self.indexed(&mut rest, &mut tell),
                0x40..=0x7f => self.literal(&mut rest, 6, true, &mut tell),
                0x20..=0x3f if fields > 0 => Err("a size update after a field"),
                0x20..=0x3f => self.size_update(&mut rest),
                0x00..=0x1f => self.literal(&mut rest, 4, false, &mut tell),
            };
            match taken {
                Ok(Some(())) => fields += u64::from(!(0x20..=0x3f).contains(&first)),
                Ok(None) => {
                    self.lose();
                    return Ok(BlockEnd::Cut);
                }
                Err(why) => {
                    self.lose();
                    return Err(why);
                }
            }
            debug_assert!(rest.len() < len);
        }
        Ok(BlockEnd::Whole)
    }

    /// Section 6.1. `None`: the block ends before the field does; so in all that follow.
    fn indexed(
        &self,
        rest: &mut &[u8],
        tell: &mut impl FnMut(Option<&[u8]>, Option<&[u8]>),
    ) -> Result<Option<()>, &'static str> {
        let Some(index) = integer(rest, 7)? else { return Ok(None) };
        let (name, value) = entry(&self.table, index)?;
        tell(name, value);
        Ok(Some(()))
    }

    /// Sections 6.2.1 to 6.2.3: the index of the name has so many bits.
    fn literal(
        &mut self,
        rest: &mut &[u8],
        bits: u32,
        add: bool,
        tell: &mut impl FnMut(Option<&[u8]>, Option<&[u8]>),
    ) -> Result<Option<()>, &'static str> {
        let Some(index) = integer(rest, bits)? else { return Ok(None) };
        self.name.clear();
        self.value.clear();
        let new_name = match index {
            0 => match string(rest, &mut self.name)? {
                None => return Ok(None),
                name => name,
            },
            _ => None,
        };
        let Some(value) = string(rest, &mut self.value)? else { return Ok(None) };
        let value = match value {
            Text::Plain(value) => value,
            Text::Decoded => &self.value,
        };
        let Some(name) = new_name else {
            tell(entry(&self.table, index)?.0, Some(value));
            match index.checked_sub(STATIC.len() + 1) {
                _ if !add => {}
                Some(nth) => self.table.add_named_as(nth, Some(value)),
                None => self.table.add(Some(STATIC[index - 1].0.as_bytes()), Some(value)),
            }
            return Ok(Some(()));
        };
        let name = match name {
            Text::Plain(name) => name,
            Text::Decoded => &self.name,
        };
        tell(Some(name), Some(value));
        if add {
            self.table.add(Some(name), Some(value));
        }
        Ok(Some(()))
    }

    /// Section 6.3.
    fn size_update(&mut self, rest: &mut &[u8]) -> Result<Option<()>, &'static str> {
        let Some(max) = integer(rest, 5)? else { return Ok(None) };
        self.table.resize(max);
        Ok(Some(()))
    }
}

/// What an index means (section 2.3.3).
fn entry(table: &Table, index: usize) -> Result<Entry<'_>, &'static str> {
    match index.checked_sub(STATIC.len() + 1) {
        _ if index == 0 => Err("index 0"),
        Some(nth) => table.entry(nth),
        None => {
            let (name, value) = STATIC[index - 1];
            Ok((Some(name.as_bytes()), Some(value.as_bytes())))
        }
    }
}

/// A string (section 5.2); decoded into `out` if it was coded.
fn string<'a>(rest: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Text<'a>>, &'static str> {
    let coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let Some(len) = integer(rest, 7)? else { return Ok(None) };
    let Some((bytes, after)) = rest.split_at_checked(len) else { return Ok(None) };
    *rest = after;
    if !coded {
        return Ok(Some(Text::Plain(bytes)));
    }
    huffman::decode(bytes, out)?;
    Ok(Some(Text::Decoded))
}

#[cfg(test)]
mod tests;
