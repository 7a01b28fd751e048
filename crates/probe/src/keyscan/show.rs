//! What was found, in words for people.

use std::fmt;

use super::chain::register;
use super::{KdfKind, KdfSite, KeyKind, KeySite, KeySites, Layout, Note, Secret};
use crate::site::Arch;

impl KeySite {
    /// The site in one line: what, where, and what is reached from it.
    pub fn show(&self, arch: Arch) -> impl fmt::Display {
        let mut text = format!("{} at {:#x}", self.kind, self.address);
        text += &format!(", label in {}", register(arch, self.label.reg));
        text += &match self.secret {
            Some(Secret { at, len }) => {
                format!(", secret at {}, length {}", at.show(arch), len.show(arch))
            }
            None => ", secret where it is computed".into(),
        };
        text += &match self.client_random {
            Some(chain) => format!(", client_random at {}", chain.show(arch)),
            None => ", client_random not found".into(),
        };
        text += &format!(", {}", self.cost);
        text
    }
}

impl KdfSite {
    /// The site in one line.
    pub fn show(&self) -> impl fmt::Display {
        format!("{} at {:#x}, {}", self.kind, self.entry.address, self.entry.cost)
    }
}

impl Layout {
    /// Where a connection keeps its keys, in one line.
    pub fn show(&self, arch: Arch) -> impl fmt::Display {
        let mut text = format!("client_random at {}", self.client_random.show(arch));
        if let Some(key) = self.master_key {
            text += &format!(", master key at {}", key.at.show(arch));
        }
        for (n, kind) in self.derived_by.iter().enumerate() {
            text += if n == 0 { ", others by " } else { " and " };
            text += &kind.to_string();
        }
        text
    }
}

impl KeySites {
    /// What was found, and what was not: a line for each.
    pub fn lines(&self) -> Vec<String> {
        let logs = self.logs.iter().map(|site| site.show(self.arch).to_string());
        let kdfs = self.kdfs.iter().map(|site| site.show().to_string());
        let layout = self.layout.as_ref().map(|layout| layout.show(self.arch).to_string());
        let notes = self.notes.iter().map(Note::to_string);
        logs.chain(kdfs).chain(layout).chain(notes).collect()
    }
}

/// All of it on one line.
impl fmt::Display for KeySites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyKind::Log => "log function",
            KeyKind::Go => "Go's log function",
            KeyKind::NssRecord => "NSS's log function (key)",
            KeyKind::NssWrite => "NSS's log function (bytes)",
            KeyKind::Rustls => "rustls' call to log",
        })
    }
}

impl fmt::Display for KdfKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KdfKind::HkdfExpand => "HKDF_expand",
            KdfKind::EvpKdfDerive => "EVP_KDF_derive",
            KdfKind::HmacUpdate => "freebl's HMAC_Update",
            KdfKind::HmacFinish => "freebl's HMAC_Finish",
            KdfKind::TlsPHash => "freebl's TLS_P_hash",
            KdfKind::TlsPrf => "freebl's TLS_PRF",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Note::NoLabels => "no key log labels",
            Note::NoReferences => "key log labels that no code refers to",
            Note::NoFunction => "key log labels whose use was not understood",
            Note::NoClientRandom => "no way found from the log function to client_random",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chain;
    use super::*;
    use crate::site::Cost;

    #[test]
    fn a_site_reads_like_a_sentence() {
        let site = KeySite {
            kind: KeyKind::Log,
            offset: 0x3a1c0,
            cost: Cost::Emulated,
            regs: None,
            address: 0x3a1c0,
            label: Chain::reg(6),
            label_len: None,
            secret: Some(Secret { at: Chain::reg(2), len: Chain::reg(1) }),
            client_random: Chain::reg(7).plus(0x160),
            votes: 3,
        };
        assert_eq!(
            site.show(Arch::X86_64).to_string(),
            "log function at 0x3a1c0, label in rsi, secret at rdx, length rcx, client_random at \
             rdi+0x160, emulated"
        );
    }
}
