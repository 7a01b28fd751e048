//! Pointers in a file's data that the dynamic linker sets.

use super::sweep::sweep;
use crate::elf::{Image, Segment};
use crate::site::Arch;

/// Pointers that one question may find.
const MOST: usize = 4096;
/// A relocation with an addend (ELF-64, Elf64_Rela): offset, info, addend.
const RECORD: usize = 24;

/// Pointers into this file for which `wanted(place, target)` holds, as place and target, by place.
///
/// Where relocations bear the target, the place itself may hold anything; where they don't (RELR,
/// or a file that is not moved) it holds the target. So both are looked at.
pub(super) fn find(image: &Image<'_>, wanted: impl Fn(u64, u64) -> bool + Sync) -> Vec<(u64, u64)> {
    // R_X86_64_RELATIVE, R_AARCH64_RELATIVE
    let relative = match image.arch() {
        Arch::X86_64 => 8,
        Arch::Arm64 => 1027,
    };
    let tables: Vec<Segment> =
        image.relocations().map(|(offset, size)| Segment { address: 0, offset, size }).collect();
    let mut found = sweep(image.source(), &tables, RECORD, MOST, |at, bytes, found| {
        let skip = (RECORD - at as usize % RECORD) % RECORD;
        for record in bytes.get(skip..).unwrap_or_default().as_chunks::<RECORD>().0 {
            let words = record.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
            let [place, info, target] = *words.collect::<Vec<_>>() else { continue };
            if info == relative && wanted(place, target) {
                found.push((place, target));
            }
        }
    });
    let data: Vec<Segment> =
        image.loaded().iter().filter(|s| !image.code().contains(s)).copied().collect();
    found.extend(sweep(image.source(), &data, 8, MOST, |va, bytes, found| {
        let skip = (8 - va as usize % 8) % 8;
        let words = bytes.get(skip..).unwrap_or_default().as_chunks::<8>().0;
        for (n, word) in (0u64..).zip(words) {
            let place = va.wrapping_add(skip as u64 + n * 8);
            let target = u64::from_le_bytes(*word);
            if target != 0 && wanted(place, target) {
                found.push((place, target));
            }
        }
    }));
    found.sort_unstable();
    found.dedup();
    found
}
