//! Key probes: what the analysis of a file found ([`crate::keyscan`]), as rows of the kernel
//! half's table of sites and instructions to stand at.

mod finder;
mod row;

use std::collections::HashSet;

use abi::Label;

use crate::attach::{At, Stand};
use crate::keyscan::{Entry, KdfKind, KeyKind, KeySites};
use crate::plan::{ARCH, Probed};
use crate::table::Table;

pub(crate) use finder::Finder;

/// What texts mean to the kernel half: the labels of a key log, and what secrets are computed from
/// and used with.
pub(crate) fn texts() -> impl Iterator<Item = ([u8; abi::LABEL], u8)> {
    Label::ALL.iter().flat_map(|&label| {
        let with = move |flag: u8| move |text| (abi::padded(text), label as u8 | flag);
        let derives = label.derived_from().map(with(abi::LABEL_DERIVES));
        let uses = label.used_with().map(with(abi::LABEL_USES));
        std::iter::once((label.padded(), label as u8)).chain(derives).chain(uses)
    })
}

/// Functions whose results some hooked library needs, wherever they are.
pub(crate) type Derived = HashSet<KdfKind>;

/// Where keys of a file can be read, as far as they can; and what can't be, and why.
pub(crate) fn stands(
    found: &KeySites,
    derived: &Derived,
    table: &mut Table,
) -> (Vec<Stand>, Vec<(&'static str, String)>) {
    let (mut stands, mut failed) = (Vec::new(), Vec::new());
    for place in places(found, derived) {
        match table.number(&place.row.to_bytes()) {
            Ok(number) => stands.push(Stand {
                offset: place.offset,
                number,
                programs: place.programs,
                probed: place.probed,
            }),
            Err(error) => failed.push((place.probed.symbols[0], error.to_string())),
        }
    }
    (stands, failed)
}

/// What would be probed, for people.
pub(crate) fn probed(found: &KeySites) -> impl Iterator<Item = Probed> {
    places(found, &Derived::new()).into_iter().map(|place| place.probed)
}

/// A place that the kernel half can read.
struct Place {
    offset: u64,
    row: abi::Site,
    programs: &'static [At],
    probed: Probed,
}

/// Log functions; without any, the calls that work on a connection; and what computes secrets, if
/// some library needs that.
fn places(found: &KeySites, derived: &Derived) -> Vec<Place> {
    if found.arch != ARCH {
        return Vec::new();
    }
    let place = |name, offset, row, programs, site: String| Place {
        offset,
        row,
        programs,
        probed: Probed { symbols: vec![name], site },
    };
    let logs = found.logs.iter().filter_map(|site| {
        let said = site.show(ARCH).to_string();
        Some(place(name(site.kind), site.offset, row::of(site)?, LOGGED, said))
    });
    let mut places: Vec<Place> = logs.collect();
    if let Some(layout) = &found.layout
        && let Some(row) = row::of_layout(layout)
    {
        let said = layout.show(ARCH).to_string();
        let call = |call: &Entry| {
            place("keys(handshake)", call.offset, row, WORKED, format!("{said}, {}", call.cost))
        };
        places.extend(layout.calls.iter().map(call));
    }
    // A library that logs for itself is not what others import from.
    let logs = found.logs.iter().any(|site| site.secret.is_some());
    let kdfs = found.kdfs.iter().filter(|site| !logs && derived.contains(&site.kind));
    places.extend(kdfs.filter_map(|site| {
        let later = site.kind == KdfKind::HmacUpdate;
        let programs = if later { NAMED } else { DERIVED };
        let said = site.show().to_string();
        Some(place(derives(site.kind), site.entry.offset, row::of_kdf(site.kind)?, programs, said))
    }));
    places
}

const LOGGED: &[At] = &[("secret_logged", false)];
const WORKED: &[At] = &[("secret_work", false), ("secret_held", true)];
const NAMED: &[At] = &[("secret_begun", false)];
const DERIVED: &[At] = &[("secret_begun", false), ("secret_derived", true)];

/// What is probed, for people.
fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Log | KeyKind::NssRecord | KeyKind::NssWrite => "keys(log function)",
        KeyKind::Go => "keys(writeKeyLog)",
        KeyKind::Rustls => "keys(will_log)",
    }
}

fn derives(kind: KdfKind) -> &'static str {
    match kind {
        KdfKind::HkdfExpand => "keys(HKDF_expand)",
        KdfKind::EvpKdfDerive => "keys(EVP_KDF_derive)",
        KdfKind::HmacUpdate | KdfKind::HmacFinish => "keys(HMAC)",
        KdfKind::TlsPHash | KdfKind::TlsPrf => "keys(TLS PRF)",
    }
}
