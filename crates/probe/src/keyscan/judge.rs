//! Makes sites of the functions that labels lead to.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::chain::Chain;
use super::random::{self, Accessor};
use super::symbols::Name;
use super::uses::{Takes, Votes};
use super::{KeyKind, KeySite, Secret, calls, nss};
use crate::elf::{FileCode, Image};
use crate::site::{self, Arch, Cost};

/// Labels that a function must take to be believed, where they are the only witness.
const ENOUGH: u32 = 2;
/// Functions that are looked at for having enough of them.
const CANDIDATES: usize = 32;
/// Sites in one file. A program has one per library that it is linked with.
const MOST: usize = 8;

/// The sites that the votes amount to.
pub(super) fn sites(
    image: &Image<'_>,
    code: &FileCode<'_>,
    symbols: &HashMap<Name, u64>,
    votes: &Votes,
) -> Vec<KeySite> {
    let arch = image.arch();
    let nss = symbols.contains_key(&Name::NssImport);
    let enough = if nss { 1 } else { ENOUGH };
    let mut candidates: Vec<_> =
        votes.iter().filter(|(_, labels)| labels.count_ones() >= enough).collect();
    candidates.sort_by_key(|(_, labels)| Reverse(labels.count_ones()));
    let mut sites: Vec<KeySite> = candidates
        .into_iter()
        .take(CANDIDATES)
        .filter_map(|(&(address, takes), labels)| {
            let offset = image.offset_of(address)?;
            let votes = labels.count_ones() as u8;
            let cost = site::cost(code, arch, address);
            let site = KeySite { offset, cost, address, votes, ..signature(arch, takes)? };
            Some(KeySite { client_random: site.client_random.or(own(code, arch, &site)), ..site })
        })
        .collect();
    // What compares labels, or prints them, takes them too, and knows no client_random.
    if sites.iter().any(|site| site.client_random.is_some()) {
        sites.retain(|site| site.client_random.is_some());
    }
    if nss {
        sites.iter_mut().for_each(|site| nss_site(image, code, site));
    }
    let shared = accessor(code, arch, symbols);
    for site in &mut sites {
        site.client_random = site.client_random.or(shared);
    }
    sites.sort_by_key(|site| (Reverse(site.votes), site.address));
    sites.truncate(MOST);
    sites.iter_mut().for_each(|site| settle(image, code, site));
    sites
}

/// Moves a site to the instruction of its function at which a probe costs least.
fn settle(image: &Image<'_>, code: &FileCode<'_>, site: &mut KeySite) {
    let args = match site.kind {
        KeyKind::Log if site.label == Chain::reg(image.arch().args()[0]) => 6,
        KeyKind::Log => 4,
        KeyKind::NssRecord => 2,
        KeyKind::NssWrite => 3,
        // Which of Go's registers are intact is not known here.
        KeyKind::Go | KeyKind::Rustls => return,
    };
    if let Some((entry, regs)) = calls::entered(image, code, site.address, args) {
        (site.offset, site.cost, site.regs) = (entry.offset, entry.cost, Some(regs));
    }
}

/// Where a function that takes a label like this has everything else.
fn signature(arch: Arch, takes: Takes) -> Option<KeySite> {
    let arg = |n: usize| Some(Chain::reg(*arch.args().get(n)?));
    let secret = |at: usize| Some(Secret { at: arg(at)?, len: arg(at + 1)? });
    let site = KeySite {
        kind: KeyKind::Log,
        offset: 0,
        cost: Cost::Stepped,
        regs: None,
        address: 0,
        label: arg(1)?,
        label_len: None,
        secret: secret(2),
        client_random: None,
        votes: 0,
    };
    match takes {
        Takes::Second => Some(site),
        // (label, connection, random, 32, secret, length)
        Takes::First => {
            Some(KeySite { label: arg(0)?, secret: secret(4), client_random: arg(2), ..site })
        }
        Takes::Text => {
            // Receiver, label (address, length), random and secret (address, length, capacity).
            let [label, label_len, random, at, len] = match arch {
                Arch::X86_64 => [3, 1, 7, 9, 10],
                Arch::Arm64 => [1, 2, 3, 6, 7],
            }
            .map(Chain::reg);
            Some(KeySite {
                kind: KeyKind::Go,
                label,
                label_len: Some(label_len),
                secret: Some(Secret { at, len }),
                client_random: Some(random),
                ..site
            })
        }
    }
}

/// The way to `client_random` that the function itself shows.
fn own(code: &FileCode<'_>, arch: Arch, site: &KeySite) -> Option<Chain> {
    random::of_log_function(code, arch, site.address)
}

/// The way that an accessor of the same library shows.
fn accessor(code: &FileCode<'_>, arch: Arch, symbols: &HashMap<Name, u64>) -> Option<Chain> {
    let accessors = [
        (Name::OpensslRandom, Accessor::Copies),
        (Name::GnutlsRandom, Accessor::Points),
        (Name::NssExport, Accessor::Hashes),
    ];
    accessors.into_iter().find_map(|(name, accessor)| {
        random::of_accessor(code, arch, *symbols.get(&name)?, accessor)
    })
}

/// NSS hands over a key object, or its bytes one function further on.
fn nss_site(image: &Image<'_>, code: &FileCode<'_>, site: &mut KeySite) {
    (site.kind, site.secret) = (KeyKind::NssRecord, None);
    let writer = nss::writer(code, image.arch(), site.address);
    let Some((address, offset)) = writer.and_then(|va| Some((va, image.offset_of(va)?))) else {
        return;
    };
    let item = image.arch().args().get(2).map(|&reg| Chain::reg(reg));
    // SECItem: type at 0, data at 8, length at 16.
    let member = |at: i32| item.and_then(|item| item.plus(at)).and_then(Chain::load);
    let secret = member(8).zip(member(16)).map(|(at, len)| Secret { at, len });
    *site = KeySite { kind: KeyKind::NssWrite, address, offset, secret, ..*site };
}
