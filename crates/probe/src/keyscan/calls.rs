//! At which instruction of a function a probe is to stand.

use super::Entry;
use crate::elf::{FileCode, Image};
use crate::site::{Need, Site, choose, choose_moved};

/// For a probe that reads the function's first arguments, so many, in whichever registers they are
/// by then.
pub(super) fn entered(
    image: &Image<'_>,
    code: &FileCode<'_>,
    function: u64,
    args: u8,
) -> Option<(Entry, [u8; 6])> {
    let (Site { va, cost, .. }, regs) = choose_moved(code, image.arch(), function, first(args));
    Some((Entry { offset: image.offset_of(va)?, cost, address: function }, regs))
}

/// For one that reads them in their own registers, and another one for the function's return.
pub(super) fn called(
    image: &Image<'_>,
    code: &FileCode<'_>,
    function: u64,
    args: u8,
) -> Option<Entry> {
    let need = Need { args: first(args), returns: true };
    let Site { va, cost, .. } = choose(code, image.arch(), function, need);
    Some(Entry { offset: image.offset_of(va)?, cost, address: function })
}

/// A bit for each of the first arguments.
fn first(args: u8) -> u8 {
    1u8.checked_shl(args.into()).unwrap_or(0).wrapping_sub(1)
}
