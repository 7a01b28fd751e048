//! Finds where a program's TLS secrets can be read, in its code alone: no symbols, no versions.
//!
//! TLS libraries that can log keys pass each secret, with the label that it has in a key log, to
//! one internal function, whether or not anybody asked for a log. The label's text must be in the
//! file, so what refers to it leads to that function, and the register that holds the label tells
//! which calling convention it has. What the answer looks like is [`KeySites`].
//!
//! Labels: `SSLKEYLOGFILE` format, draft-ietf-tls-keylogfile, section 2.
#![forbid(unsafe_code)]

mod access;
mod calls;
mod chain;
mod explore;
mod judge;
mod kdf;
mod labels;
mod layout;
mod nss;
mod random;
mod refs;
mod relocs;
mod rustls;
mod show;
mod state;
mod sweep;
mod symbols;
mod uses;

pub use chain::{Chain, LOADS};

use std::collections::HashMap;

use self::labels::Found;
use self::symbols::Name;
use crate::elf::{ElfError, FileCode, Image, Source};
use crate::site::{Arch, Cost};

/// What a file offers to somebody who wants the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySites {
    /// The instruction set of its code: what register numbers mean.
    pub arch: Arch,
    /// Where the library hands a secret over for logging.
    pub logs: Vec<KeySite>,
    /// Where secrets are computed: what remains if nothing logs, and where NSS's secrets are.
    pub kdfs: Vec<KdfSite>,
    /// Where a connection keeps what tells its keys, if nothing logs them.
    pub layout: Option<Box<Layout>>,
    /// Why nothing, or not all, was found.
    pub notes: Vec<Note>,
}

impl KeySites {
    /// Whether its own connections tell their keys; without, it only computes for others.
    pub fn logs(&self) -> bool {
        !self.logs.is_empty() || self.layout.is_some()
    }
}

/// An instruction at which a secret, its label and the connection are in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySite {
    /// What stands here.
    pub kind: KeyKind,
    /// The instruction, as an offset into the file: how uprobes are placed.
    pub offset: u64,
    /// What a probe there costs.
    pub cost: Cost,
    /// The registers that the function's first arguments were moved to there; chains begin in
    /// those that they are in at its entry.
    pub regs: Option<[u8; 6]>,
    /// The function, in the file's own address space; of rustls, the instruction.
    pub address: u64,
    /// Where the label begins.
    pub label: Chain,
    /// How long it is; without it, it ends with a zero byte.
    pub label_len: Option<Chain>,
    /// The secret, or nothing if only a [`KdfSite`] that the same thread passed before saw it.
    pub secret: Option<Secret>,
    /// Where the 32 bytes of `ClientHello.random` are (RFC 8446, section 4.1.2), if that is known.
    pub client_random: Option<Chain>,
    /// How many of the labels lead here; the more, the surer.
    pub votes: u8,
}

/// What stands at a [`KeySite`]. Its chains say the same as the signature here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `(connection, label, secret, length)`: OpenSSL since 1.1.1, BoringSSL, AWS-LC, GnuTLS.
    Log,
    /// Go's `(*tls.Config).writeKeyLog(label string, random, secret []byte)`, register ABI.
    Go,
    /// NSS's `(connection, label, PK11SymKey *)`: the key is elsewhere.
    NssRecord,
    /// NSS's `(connection, label, SECItem *)`.
    NssWrite,
    /// In the middle of rustls' code, where it asks whether anybody wants the secret (TLS 1.3) or
    /// hands it to the program (TLS 1.2).
    Rustls,
}

/// A secret's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Where they begin.
    pub at: Chain,
    /// How many; only the low 32 bits count.
    pub len: Chain,
}

/// A function that computes secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfSite {
    /// Which.
    pub kind: KdfKind,
    /// Where it is entered.
    pub entry: Entry,
}

/// A function that is probed where it is entered and where it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The instruction, as an offset into the file. Arguments are in their registers there.
    pub offset: u64,
    /// What a probe there costs.
    pub cost: Cost,
    /// The function, in the file's own address space.
    pub address: u64,
}

/// Functions that compute secrets. Arguments are C's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KdfKind {
    /// `HKDF_expand(out, out_len, md, prk, prk_len, info, info_len)`; `info` is a `HkdfLabel`
    /// (RFC 8446, section 7.1). LibreSSL, BoringSSL, AWS-LC.
    HkdfExpand,
    /// `EVP_KDF_derive(ctx, out, out_len, params)`: OpenSSL since 3.0, libcrypto.
    EvpKdfDerive,
    /// `HMAC_Update(cx, data, len)`; of TLS 1.3 if `data` is a `HkdfLabel`. NSS, freebl.
    HmacUpdate,
    /// `HMAC_Finish(cx, out, out_len, max)`: the secret is in `out` when it returns. NSS, freebl.
    HmacFinish,
    /// `TLS_P_hash(hash, secret, label, seed, result, fips)`: the master secret is the `SECItem`
    /// `secret` when a connection's keys are computed from it. NSS, freebl.
    TlsPHash,
    /// `TLS_PRF(secret, label, seed, result, fips)`: the same of TLS before 1.2. NSS, freebl.
    TlsPrf,
}

/// Where a connection keeps its keys, read out of the library's own accessor functions. Chains
/// begin at the connection's pointer, the first argument of every function in `calls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The 32 bytes of `ClientHello.random`.
    pub client_random: Chain,
    /// The secret of TLS before 1.3.
    pub master_key: Option<MasterKey>,
    /// Functions that do a handshake and return 1 or more if it is done: `SSL_do_handshake`,
    /// `SSL_connect`, `SSL_accept`, and those that read and write.
    pub calls: Vec<Entry>,
    /// Functions that compute the other secrets, of this file or of one that it imports from.
    pub derived_by: Vec<KdfKind>,
}

/// Where a connection keeps its master secret (RFC 5246, section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKey {
    /// The 48 bytes.
    pub at: Chain,
    /// Their number, if that is kept: 0 before there is one.
    pub len: Option<Chain>,
    /// The protocol's version, as two bytes on the wire, if that is known. TLS 1.3 keeps another
    /// secret in this place.
    pub version: Option<Chain>,
}

/// Why something was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// None of the labels is in the file: no TLS library, or one that logs no keys.
    NoLabels,
    /// Labels are there and no code refers to them.
    NoReferences,
    /// Code refers to labels, and it was not understood where it takes them.
    NoFunction,
    /// A log function was found; how it reaches `client_random` was not.
    NoClientRandom,
}

/// Looks for key sites in an ELF file of any architecture in [`Arch`]. It takes a time in
/// proportion to the file's size, and about as much memory for any.
pub fn scan(source: &dyn Source) -> Result<KeySites, ElfError> {
    let image = Image::open_any(source)?;
    let arch = image.arch();
    let labels = labels::find(&image);
    let code = FileCode::with_data(&image);
    let symbols = symbols::find(&image);
    let kdfs = kdf::find(&image, &code, &symbols);
    let (logs, mut notes) = logs(&image, &code, &symbols, &labels);
    if logs.iter().any(|site| site.client_random.is_none()) {
        notes.push(Note::NoClientRandom);
    }
    let layout = Some(&symbols).filter(|_| logs.is_empty());
    let layout = layout.and_then(|symbols| layout::find(&image, &code, symbols)).map(Box::new);
    Ok(KeySites { arch, logs, kdfs, layout, notes })
}

impl KeySites {
    /// Functions that must be probed too for these keys, in this file or in others.
    pub fn derived_by(&self) -> &[KdfKind] {
        let freebl = self.logs.iter().any(|site| site.secret.is_none());
        let others = self.layout.as_ref().map_or(&[][..], |layout| &layout.derived_by);
        if freebl { KdfKind::FREEBL } else { others }
    }
}

impl KdfKind {
    /// Those that compute NSS's secrets.
    pub const FREEBL: &[KdfKind] =
        &[KdfKind::HmacUpdate, KdfKind::HmacFinish, KdfKind::TlsPHash, KdfKind::TlsPrf];
}

/// The sites that labels lead to, or why there are none.
fn logs(
    image: &Image<'_>,
    code: &FileCode<'_>,
    symbols: &HashMap<Name, u64>,
    labels: &[Found],
) -> (Vec<KeySite>, Vec<Note>) {
    if labels.is_empty() {
        return (Vec::new(), vec![Note::NoLabels]);
    }
    let mut targets: Vec<u64> = labels.iter().map(|label| label.va).collect();
    targets.dedup();
    let refs = refs::find(image, &targets);
    let votes = uses::count(code, image.arch(), &refs, labels);
    let mut logs = judge::sites(image, code, symbols, &votes);
    if logs.iter().all(|site| site.kind != KeyKind::Go) {
        logs.extend(rustls::find(image, code, &refs, labels));
    }
    let notes = match (logs.is_empty(), refs.is_empty()) {
        (false, _) => Vec::new(),
        (true, true) => vec![Note::NoReferences],
        (true, false) => vec![Note::NoFunction],
    };
    (logs, notes)
}
