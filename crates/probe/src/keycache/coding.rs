//! The cache's bytes: a line that names the format, then entries of a length, a checksum and so
//! many bytes. Numbers are little-endian.

use super::evidence::{Evidence, MOST_PARTS};
use super::{Found, Identity};
use crate::keyscan::{
    Chain, Entry, KdfKind, KdfSite, KeyKind, KeySite, KeySites, LOADS, Layout, MasterKey, Note,
    Secret,
};
use crate::site::{Arch, Cost};

/// The format, and the rules of the search: other rules find other sites. The last number changes
/// with either.
const HEAD: &[u8] = concat!("ecapture ", env!("CARGO_PKG_VERSION"), " key sites 5\n").as_bytes();
/// Entries of one kind in a file's sites: far more than are ever found.
const MOST: usize = 64;

const KINDS: [KeyKind; 5] =
    [KeyKind::Log, KeyKind::Go, KeyKind::NssRecord, KeyKind::NssWrite, KeyKind::Rustls];
const KDFS: [KdfKind; 6] = [
    KdfKind::HkdfExpand,
    KdfKind::EvpKdfDerive,
    KdfKind::HmacUpdate,
    KdfKind::HmacFinish,
    KdfKind::TlsPHash,
    KdfKind::TlsPrf,
];
const NOTES: [Note; 4] =
    [Note::NoLabels, Note::NoReferences, Note::NoFunction, Note::NoClientRandom];
const COSTS: [Cost; 2] = [Cost::Emulated, Cost::Stepped];
const ARCHS: [Arch; 2] = [Arch::X86_64, Arch::Arm64];

/// All entries, in this order.
pub(super) fn write<'a>(entries: impl Iterator<Item = (&'a Identity, &'a Found)>) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    for (identity, found) in entries {
        let mut entry = Writer(Vec::new());
        entry.identity(identity);
        entry.sites(&found.sites);
        entry.maybe(found.evidence.as_ref(), Writer::evidence);
        bytes.extend((entry.0.len() as u32).to_le_bytes());
        bytes.extend(checksum(&entry.0).to_le_bytes());
        bytes.extend(entry.0);
    }
    bytes
}

/// The entries that are whole.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = (Identity, Found)> + '_ {
    let mut rest = bytes.strip_prefix(HEAD).unwrap_or_default();
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (sum, after) = after.split_first_chunk::<8>()?;
        let entry;
        (entry, rest) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        Some((u64::from_le_bytes(*sum), entry))
    })
    .filter(|(sum, entry)| checksum(entry) == *sum)
    .filter_map(|(_, entry)| {
        let mut reader = Reader(entry);
        let found = (reader.identity()?, reader.found()?);
        reader.0.is_empty().then_some(found)
    })
}

/// FNV-1a: against damage, not against malice.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// A value's place among all that it may be.
    fn one_of<T: PartialEq>(&mut self, all: &[T], value: &T) {
        let place = all.iter().position(|one| one == value);
        self.0.push(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX));
    }

    fn each<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        let values = values.get(..MOST).unwrap_or(values);
        self.0.push(values.len() as u8);
        values.iter().for_each(|value| write(self, value));
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl Fn(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn identity(&mut self, file: &Identity) {
        let (modified, changed) = (file.modified, file.changed);
        let times = [modified.0, modified.1, changed.0, changed.1].map(|time| time as u64);
        [file.device, file.inode, file.size].iter().chain(&times).for_each(|n| self.number(*n));
        self.0.push(u8::from(file.guarded));
    }

    fn evidence(&mut self, evidence: &Evidence) {
        self.each(&evidence.build_id, |w, byte| w.0.push(*byte));
        self.number(evidence.parts.len() as u64);
        for (offset, len) in &evidence.parts {
            self.number(*offset);
            self.0.extend(len.to_le_bytes());
        }
        self.0.extend(evidence.digest);
    }

    fn sites(&mut self, sites: &KeySites) {
        self.one_of(&ARCHS, &sites.arch);
        self.each(&sites.logs, |w, site| {
            w.one_of(&KINDS, &site.kind);
            w.entry(&Entry { offset: site.offset, cost: site.cost, address: site.address });
            w.maybe(site.regs, |w, regs| w.0.extend(regs));
            w.chain(site.label);
            w.maybe(site.label_len, Writer::chain);
            w.maybe(site.secret, |w, secret| {
                w.chain(secret.at);
                w.chain(secret.len);
            });
            w.maybe(site.client_random, Writer::chain);
            w.0.push(site.votes);
        });
        self.each(&sites.kdfs, |w, site| {
            w.one_of(&KDFS, &site.kind);
            w.entry(&site.entry);
        });
        self.maybe(sites.layout.as_ref(), |w, layout| {
            w.chain(layout.client_random);
            w.maybe(layout.master_key, |w, key| {
                w.chain(key.at);
                w.maybe(key.len, Writer::chain);
                w.maybe(key.version, Writer::chain);
            });
            w.each(&layout.calls, Writer::entry);
            w.each(&layout.derived_by, |w, kind| w.one_of(&KDFS, kind));
        });
        self.each(&sites.notes, |w, note| w.one_of(&NOTES, note));
    }

    fn entry(&mut self, entry: &Entry) {
        self.number(entry.offset);
        self.one_of(&COSTS, &entry.cost);
        self.number(entry.address);
    }

    fn chain(&mut self, chain: Chain) {
        self.0.extend([chain.reg, chain.loads]);
        chain.offsets.iter().for_each(|offset| self.0.extend(offset.to_le_bytes()));
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    fn each<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::from(self.byte()?);
        (count <= MOST).then_some(())?;
        (0..count).map(|_| read(self)).collect()
    }

    fn maybe<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    fn identity(&mut self) -> Option<Identity> {
        let time = |reader: &mut Self| Some((reader.number()? as i64, reader.number()? as i64));
        let (device, inode, size) = (self.number()?, self.number()?, self.number()?);
        let (modified, changed) = (time(self)?, time(self)?);
        let guarded = self.one_of(&[false, true])?;
        Some(Identity { device, inode, size, modified, changed, guarded })
    }

    fn found(&mut self) -> Option<Found> {
        Some(Found { sites: self.sites()?, evidence: self.maybe(Self::evidence)? })
    }

    fn evidence(&mut self) -> Option<Evidence> {
        let build_id = self.each(Self::byte)?;
        let parts = usize::try_from(self.number()?).ok().filter(|count| *count <= MOST_PARTS)?;
        let part = |r: &mut Self| Some((r.number()?, r.bytes().map(u32::from_le_bytes)?));
        let parts = (0..parts).map(|_| part(self)).collect::<Option<_>>()?;
        Some(Evidence { build_id, parts, digest: self.bytes()? })
    }

    fn sites(&mut self) -> Option<KeySites> {
        Some(KeySites {
            arch: self.one_of(&ARCHS)?,
            logs: self.each(Self::site)?,
            kdfs: self.each(|r| {
                let kind = r.one_of(&KDFS)?;
                Some(KdfSite { kind, entry: r.entry()? })
            })?,
            layout: self
                .maybe(|r| {
                    Some(Layout {
                        client_random: r.chain()?,
                        master_key: r.maybe(|r| {
                            Some(MasterKey {
                                at: r.chain()?,
                                len: r.maybe(Self::chain)?,
                                version: r.maybe(Self::chain)?,
                            })
                        })?,
                        calls: r.each(Self::entry)?,
                        derived_by: r.each(|r| r.one_of(&KDFS))?,
                    })
                })?
                .map(Box::new),
            notes: self.each(|r| r.one_of(&NOTES))?,
        })
    }

    fn site(&mut self) -> Option<KeySite> {
        let kind = self.one_of(&KINDS)?;
        let Entry { offset, cost, address } = self.entry()?;
        Some(KeySite {
            kind,
            offset,
            cost,
            address,
            regs: self.maybe(|r| r.bytes::<6>().filter(|regs| regs.iter().all(|reg| *reg < 32)))?,
            label: self.chain()?,
            label_len: self.maybe(Self::chain)?,
            secret: self.maybe(|r| Some(Secret { at: r.chain()?, len: r.chain()? }))?,
            client_random: self.maybe(Self::chain)?,
            votes: self.byte()?,
        })
    }

    fn entry(&mut self) -> Option<Entry> {
        let offset = self.number()?;
        Some(Entry { offset, cost: self.one_of(&COSTS)?, address: self.number()? })
    }

    fn chain(&mut self) -> Option<Chain> {
        let [reg, loads] = self.bytes()?;
        let mut offsets = [0; LOADS + 1];
        for offset in &mut offsets {
            *offset = i32::from_le_bytes(self.bytes()?);
        }
        let sound = reg < 32 && usize::from(loads) <= LOADS;
        sound.then_some(Chain { reg, loads, offsets })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain() -> impl Strategy<Value = Chain> {
        (0..32u8, 0..=LOADS as u8, any::<[i32; LOADS + 1]>())
            .prop_map(|(reg, loads, offsets)| Chain { reg, loads, offsets })
    }

    fn site() -> impl Strategy<Value = KeySite> {
        let secret = prop::option::of((chain(), chain()));
        let maybe = || prop::option::of(chain());
        let kind = prop::sample::select(KINDS.to_vec());
        let regs = prop::option::of(prop::array::uniform6(0..32u8));
        (kind, (entry(), regs), any::<u8>(), chain(), maybe(), secret, maybe()).prop_map(
            |(kind, (entry, regs), votes, label, label_len, secret, client_random)| KeySite {
                kind,
                offset: entry.offset,
                cost: entry.cost,
                address: entry.address,
                regs,
                label,
                label_len,
                secret: secret.map(|(at, len)| Secret { at, len }),
                client_random,
                votes,
            },
        )
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let cost = prop::sample::select(COSTS.to_vec());
        (any::<u64>(), cost, any::<u64>()).prop_map(|(offset, cost, address)| Entry {
            offset,
            cost,
            address,
        })
    }

    fn layout() -> impl Strategy<Value = Layout> {
        let maybe = || prop::option::of(chain());
        let key = (chain(), maybe(), maybe());
        let key = key.prop_map(|(at, len, version)| MasterKey { at, len, version });
        let kinds = prop::collection::vec(prop::sample::select(KDFS.to_vec()), 0..3);
        let calls = prop::collection::vec(entry(), 0..8);
        (chain(), prop::option::of(key), calls, kinds).prop_map(
            |(client_random, master_key, calls, derived_by)| Layout {
                client_random,
                master_key,
                calls,
                derived_by,
            },
        )
    }

    fn sites() -> impl Strategy<Value = KeySites> {
        let kdf = (prop::sample::select(KDFS.to_vec()), entry());
        let kdf = kdf.prop_map(|(kind, entry)| KdfSite { kind, entry });
        (
            prop::sample::select(ARCHS.to_vec()),
            prop::collection::vec(site(), 0..9),
            prop::collection::vec(kdf, 0..5),
            prop::option::of(layout().prop_map(Box::new)),
            prop::collection::vec(prop::sample::select(NOTES.to_vec()), 0..3),
        )
            .prop_map(|(arch, logs, kdfs, layout, notes)| KeySites {
                arch,
                logs,
                kdfs,
                layout,
                notes,
            })
    }

    fn evidence() -> impl Strategy<Value = Evidence> {
        let build_id = prop::collection::vec(any::<u8>(), 0..64);
        let parts = prop::collection::vec(any::<(u64, u32)>(), 0..8);
        (build_id, parts, any::<[u8; 32]>()).prop_map(|(build_id, parts, digest)| Evidence {
            build_id,
            parts,
            digest,
        })
    }

    fn found() -> impl Strategy<Value = Found> {
        (sites(), prop::option::of(evidence()))
            .prop_map(|(sites, evidence)| Found { sites, evidence })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in prop::collection::vec((any::<[u64; 3]>(), any::<bool>(), found()), 0..4)) {
            let entry = |([device, inode, size], guarded, found): ([u64; 3], bool, Found)| {
                let (modified, changed) = ((-1, 2), (3, 4));
                (Identity { device, inode, size, modified, changed, guarded }, found)
            };
            let all: Vec<_> = all.into_iter().map(entry).collect();
            let bytes = write(all.iter().map(|(identity, found)| (identity, found)));
            prop_assert_eq!(read(&bytes).collect::<Vec<_>>(), all);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut whole = HEAD.to_vec();
            whole.extend((bytes.len() as u32).to_le_bytes());
            whole.extend(checksum(&bytes).to_le_bytes());
            whole.extend(&bytes);
            read(&whole).for_each(drop);
            read(&bytes).for_each(drop);
        }
    }
}
