//! Places with keys as the kernel half reads them.

use crate::keyscan::{Chain, KdfKind, KeySite, Layout};
use crate::plan::ARCH;

/// The row of a site; `None` if a part of its keys can't be reached.
pub(super) fn of(site: &KeySite) -> Option<abi::Site> {
    let chain = |part: &Chain| chain(&moved(site, *part));
    let random = chain(&site.client_random?)?;
    let empty = abi::Chain::default();
    let (label_len, counted) = match &site.label_len {
        Some(len) => (chain(len)?, abi::SITE_COUNTED),
        None => (empty, 0),
    };
    let (secret, secret_len, derived) = match &site.secret {
        Some(secret) => (chain(&secret.at)?, chain(&secret.len)?, 0),
        None => (empty, empty, abi::SITE_DERIVED),
    };
    Some(abi::Site {
        label: chain(&site.label)?,
        label_len,
        secret,
        secret_len,
        random,
        flags: counted | derived | abi::SITE_LENGTH,
        ..abi::Site::default()
    })
}

/// A chain from where its register's argument is at the site.
fn moved(site: &KeySite, mut chain: Chain) -> Chain {
    let number = ARCH.args().iter().position(|&reg| reg == chain.reg);
    if let Some(&reg) = site.regs.as_ref().zip(number).and_then(|(regs, number)| regs.get(number)) {
        chain.reg = reg;
    }
    chain
}

/// The row of the calls that work on a connection.
pub(super) fn of_layout(layout: &Layout) -> Option<abi::Site> {
    let random = chain(&layout.client_random)?;
    let Some(key) = &layout.master_key else {
        let flags = abi::SITE_LATER;
        return Some(abi::Site { random, flags, ..abi::Site::default() });
    };
    let or_none = |part: &Option<Chain>, flag: u8| match part {
        Some(part) => Some((chain(part)?, flag)),
        None => Some((abi::Chain::default(), 0)),
    };
    let (secret_len, counted) = or_none(&key.len, abi::SITE_LENGTH)?;
    let (version, versioned) = or_none(&key.version, abi::SITE_VERSIONED)?;
    let flags = counted | versioned;
    Some(abi::Site {
        secret: chain(&key.at)?,
        secret_len,
        random,
        version,
        flags,
        ..abi::Site::default()
    })
}

/// The row of a function that computes secrets.
pub(super) fn of_kdf(kind: KdfKind) -> Option<abi::Site> {
    let arg = |n: usize| Some(Chain::reg(*ARCH.args().get(n)?));
    // SECItem: type at 0, data at 8, length at 16.
    let member = |n: usize, at: i32| arg(n)?.plus(at)?.load();
    let (label, secret, len, flags) = match kind {
        KdfKind::HkdfExpand => (arg(5), arg(0), arg(1), abi::SITE_HKDF),
        KdfKind::EvpKdfDerive => (arg(3), arg(1), arg(2), abi::SITE_PARAMS),
        KdfKind::HmacUpdate => (arg(1), None, None, abi::SITE_HKDF | abi::SITE_LATER),
        KdfKind::HmacFinish => (None, arg(1), None, abi::SITE_UNNAMED),
        // What goes in, not what comes out: a resumed session's secret is computed by nobody.
        KdfKind::TlsPHash => (arg(2), member(1, 8), member(1, 16), 0),
        KdfKind::TlsPrf => (arg(1), member(0, 8), member(0, 16), 0),
    };
    let or_none = |part: Option<Chain>| part.map_or(Some(abi::Chain::default()), |p| chain(&p));
    let flags = flags | if len.is_some() { abi::SITE_LENGTH } else { 0 };
    Some(abi::Site {
        label: or_none(label)?,
        secret: or_none(secret)?,
        secret_len: or_none(len)?,
        flags,
        ..abi::Site::default()
    })
}

/// A chain; `None` if it begins in a register that the kernel does not keep.
fn chain(chain: &Chain) -> Option<abi::Chain> {
    let word = *WORDS.get(usize::from(chain.reg))?;
    let loads = chain.loads.min(abi::LOADS as u8);
    let offsets = chain.offsets.map(|offset| offset as u32);
    Some(abi::Chain { offsets, word, loads, pad: [0; 6] })
}

/// Where the kernel keeps each register, as words of `struct pt_regs`, by machine number.
#[cfg(target_arch = "x86_64")]
const WORDS: [u8; 16] = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0];
#[cfg(target_arch = "aarch64")]
const WORDS: [u8; 32] = {
    let mut words = [0; 32];
    let mut n = 0;
    while n < 32 {
        words[n] = n as u8;
        n += 1;
    }
    words
};

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::keyscan::{KeyKind, Secret};
    use crate::site::Cost;

    #[test]
    fn registers_are_where_the_kernel_keeps_them() {
        // libc's user_regs_struct has the order of the kernel's pt_regs, 8 bytes each.
        let offsets = [
            (0, std::mem::offset_of!(libc::user_regs_struct, rax)),
            (1, std::mem::offset_of!(libc::user_regs_struct, rcx)),
            (2, std::mem::offset_of!(libc::user_regs_struct, rdx)),
            (3, std::mem::offset_of!(libc::user_regs_struct, rbx)),
            (4, std::mem::offset_of!(libc::user_regs_struct, rsp)),
            (5, std::mem::offset_of!(libc::user_regs_struct, rbp)),
            (6, std::mem::offset_of!(libc::user_regs_struct, rsi)),
            (7, std::mem::offset_of!(libc::user_regs_struct, rdi)),
            (8, std::mem::offset_of!(libc::user_regs_struct, r8)),
            (11, std::mem::offset_of!(libc::user_regs_struct, r11)),
            (15, std::mem::offset_of!(libc::user_regs_struct, r15)),
        ];
        for (register, offset) in offsets {
            assert_eq!(usize::from(WORDS[register]) * 8, offset, "register {register}");
        }
    }

    #[test]
    fn a_site_without_its_random_is_of_no_use() {
        let site = KeySite {
            kind: KeyKind::Log,
            offset: 0,
            cost: Cost::Stepped,
            regs: None,
            address: 0,
            label: Chain::reg(6),
            label_len: None,
            secret: Some(Secret { at: Chain::reg(2), len: Chain::reg(1) }),
            client_random: Chain::reg(7).plus(-8),
            votes: 3,
        };
        let row = of(&site).unwrap();
        assert_eq!((row.label.word, row.secret.word, row.secret_len.word), (13, 12, 11));
        assert_eq!(row.random.offsets[0] as i32, -8);
        assert_eq!(row.flags, abi::SITE_LENGTH);
        let there = of(&KeySite { regs: Some([6, 7, 8, 9, 0, 0]), ..site }).unwrap();
        assert_eq!((there.label.word, there.secret.word, there.secret_len.word), (14, 9, 8));
        assert_eq!((there.random.word, there.random.offsets[0] as i32), (13, -8));
        assert_eq!(of(&KeySite { client_random: None, ..site }), None);
        assert_eq!(of(&KeySite { label: Chain::reg(40), ..site }), None);
    }
}
