//! The texts that mark secrets in a key log, and where a file has them.

use memchr::memmem::Finder;

use super::sweep::sweep;
use crate::elf::Image;

/// The labels that tell secrets of TLS 1.3 (RFC 8446, section 7.1) and 1.2 apart in a key log.
pub(super) const LABELS: [&str; 8] = [
    "CLIENT_RANDOM",
    "CLIENT_EARLY_TRAFFIC_SECRET",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
    "EARLY_EXPORTER_SECRET",
];

/// What every label has one of, and nothing else often: two searches do for eight labels.
const ANCHORS: [&str; 2] = ["_SECRET", "CLIENT_RANDOM"];
/// The longest label and the byte behind it.
const LONGEST: usize = 32;
/// Places in one file, at most. A file has some twenty.
const MOST: usize = 256;

/// A label in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// Its address.
    pub(super) va: u64,
    /// Its place in [`LABELS`].
    pub(super) label: u8,
    /// It ends with a zero byte, as C's strings do and Go's and Rust's do not.
    pub(super) ends: bool,
}

impl Found {
    pub(super) fn len(&self) -> usize {
        LABELS.get(usize::from(self.label)).map_or(0, |label| label.len())
    }
}

/// All labels in what the file has loaded, by address. Linkers store a text that another one ends
/// with inside that one, so a label may begin in the middle of a string.
pub(super) fn find(image: &Image<'_>) -> Vec<Found> {
    let anchors = ANCHORS.map(|anchor| Finder::new(anchor.as_bytes()));
    let mut found = sweep(image.source(), image.loaded(), LONGEST, MOST, |va, bytes, found| {
        for anchor in &anchors {
            for at in anchor.find_iter(bytes) {
                found.extend(around(va, bytes, at, anchor.needle()));
            }
        }
    });
    found.sort_unstable();
    found.dedup();
    look_at(image, &found);
    found
}

/// Reads them where they are: what was only swept over is no evidence of what the file is, and a
/// copy with other texts has its keys elsewhere.
fn look_at(image: &Image<'_>, found: &[Found]) {
    let mut text = [0; LONGEST];
    for one in found {
        let offset = image.loaded().iter().find_map(|segment| segment.offset_of(one.va));
        let len = one.len() + usize::from(one.ends);
        if let (Some(offset), Some(text)) = (offset, text.get_mut(..len)) {
            let _ = image.source().read(text, offset);
        }
    }
}

/// The labels that have the anchor at `at`.
fn around<'a>(
    va: u64,
    bytes: &'a [u8],
    at: usize,
    anchor: &'a [u8],
) -> impl Iterator<Item = Found> + 'a {
    (0u8..).zip(LABELS).filter_map(move |(number, label)| {
        let before = label.as_bytes().windows(anchor.len()).position(|part| part == anchor)?;
        let start = at.checked_sub(before)?;
        let end = start + label.len();
        let whole = bytes.get(start..end)? == label.as_bytes();
        let va = va.checked_add(start as u64)?;
        whole.then_some(Found { va, label: number, ends: bytes.get(end) == Some(&0) })
    })
}
