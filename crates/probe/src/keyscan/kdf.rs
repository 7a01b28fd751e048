//! Functions that compute secrets, for libraries that hand them to nobody.

use std::collections::HashMap;

use super::explore::{Event, explore};
use super::state::Value;
use super::symbols::Name;
use super::{KdfKind, KdfSite};
use super::{calls, relocs};
use crate::elf::{FileCode, Image};
use crate::site::{Arch, Code};

/// Members of the table of functions that `FREEBL_GetVector` returns, by number. Its order is
/// NSS's binary interface, to which members are only added (lib/freebl/loader.h).
const FREEBL: [(KdfKind, u64); 4] = [
    (KdfKind::TlsPrf, 136),
    (KdfKind::HmacUpdate, 141),
    (KdfKind::HmacFinish, 143),
    (KdfKind::TlsPHash, 174),
];

/// The functions that the file has.
pub(super) fn find(
    image: &Image<'_>,
    code: &FileCode<'_>,
    symbols: &HashMap<Name, u64>,
) -> Vec<KdfSite> {
    let plain =
        [(Name::HkdfExpand, KdfKind::HkdfExpand), (Name::EvpKdfDerive, KdfKind::EvpKdfDerive)];
    let plain = plain.into_iter().filter_map(|(name, kind)| Some((kind, *symbols.get(&name)?)));
    let vector = symbols.get(&Name::FreeblVector);
    let freebl = vector.map(|&function| freebl(image, code, function)).unwrap_or_default();
    let site = |(kind, function): (KdfKind, u64)| {
        Some(KdfSite { kind, entry: calls::called(image, code, function, kind.args())? })
    };
    plain.chain(freebl).filter_map(site).collect()
}

impl KdfKind {
    /// Its arguments that are read.
    fn args(self) -> u8 {
        match self {
            KdfKind::HkdfExpand => 6,
            KdfKind::EvpKdfDerive => 4,
            KdfKind::TlsPHash => 3,
            KdfKind::HmacUpdate | KdfKind::HmacFinish | KdfKind::TlsPrf => 2,
        }
    }
}

/// The members of freebl's table: its size and version in two bytes each, then the functions.
fn freebl(image: &Image<'_>, code: &FileCode<'_>, function: u64) -> Vec<(KdfKind, u64)> {
    let Some(table) = returned(code, image.arch(), function) else { return Vec::new() };
    let Some(&[a, b]) = code.at(table, 2).first_chunk() else { return Vec::new() };
    let size = u64::from(u16::from_le_bytes([a, b]));
    let members = FREEBL.map(|(kind, number)| (kind, 8 + 8 * number));
    let places: Vec<(KdfKind, u64)> = members
        .into_iter()
        .filter(|(_, at)| at + 8 <= size)
        .filter_map(|(kind, at)| Some((kind, table.checked_add(at)?)))
        .collect();
    let pointers = relocs::find(image, |place, _| places.iter().any(|(_, at)| *at == place));
    // Of two pointers at one place, what the relocation says comes last: code, not a leftover.
    let pointers: HashMap<u64, u64> =
        pointers.into_iter().filter(|(_, target)| image.offset_of(*target).is_some()).collect();
    places.iter().filter_map(|(kind, at)| Some((*kind, *pointers.get(at)?))).collect()
}

/// The fixed address that a function returns.
fn returned<C: Code + ?Sized>(code: &C, arch: Arch, function: u64) -> Option<u64> {
    let mut found = None;
    explore(code, arch, function, |_, event| {
        if let Event::Return(Value::Const(address), _) = event
            && address > 0
        {
            found = u64::try_from(address).ok();
        }
    });
    found
}
