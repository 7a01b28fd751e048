//! Sites on the TLS functions of real libraries: those of this machine, and Debian's of other
//! releases and of arm64, which `tests/corpus/fetch.sh` gets as data.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use ecapture_probe::site::{Arch, Code, Cost, Need, Place, Site, Value, choose, covered, inner};
use iced_x86::{Decoder, DecoderOptions, FlowControl};

use super::elf::Elf;
use super::emulated::Cases;

/// A function, the arguments that a row reads as bits, and whether it needs a return probe.
const FUNCTIONS: &[(&str, u8, bool)] = &[
    ("SSL_read", 0b111, true),
    ("SSL_read_ex", 0b1111, true),
    ("SSL_peek", 0b111, true),
    ("SSL_peek_ex", 0b1111, true),
    ("SSL_write", 0b111, true),
    ("SSL_write_ex", 0b1111, true),
    ("SSL_write_ex2", 0b1_0111, true),
    ("SSL_read_early_data", 0b1111, true),
    ("SSL_write_early_data", 0b1111, true),
    ("SSL_sendfile", 0b1001, true),
    ("SSL_shutdown", 0b1, true),
    ("SSL_free", 0b1, false),
    ("SSL_clear", 0b1, false),
    ("gnutls_record_recv", 0b111, true),
    ("gnutls_record_recv_seq", 0b111, true),
    ("gnutls_record_recv_packet", 0b11, true),
    ("gnutls_record_send", 0b111, true),
    ("gnutls_record_send2", 0b111, true),
    ("gnutls_record_send_range", 0b111, true),
    ("gnutls_record_send_file", 0b1, true),
    ("gnutls_record_send_early_data", 0b111, true),
    ("gnutls_record_recv_early_data", 0b111, true),
    ("gnutls_record_uncork", 0b1, true),
    ("gnutls_deinit", 0b1, false),
];

/// Where compilers begin with `sub rsp` or move an argument at once, so that a return probe can
/// only stand on a slow instruction.
const SLOW: &[&str] = &[
    "SSL_read",
    "SSL_read_ex",
    "SSL_peek",
    "SSL_peek_ex",
    "SSL_write",
    "SSL_write_ex",
    "SSL_write_ex2",
    "gnutls_record_recv",
    "gnutls_record_recv_seq",
];

/// The wrappers whose inner functions one row each can serve: one that reads the count back, and
/// those with the place for the count as their last argument, by number of arguments.
const WRAPPERS: &[(&str, &[(&str, usize)])] = &[
    ("SSL_read", &[("SSL_read_ex", 4)]),
    ("SSL_peek", &[("SSL_peek_ex", 4)]),
    ("SSL_write", &[("SSL_write_ex", 4), ("SSL_write_ex2", 5)]),
];

#[test]
fn libraries_of_this_machine() {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
    let names = ["libssl.so.3", "libssl.so.1.1", "libgnutls.so.30"];
    let libraries = dirs.iter().flat_map(|dir| names.map(|name| Path::new(dir).join(name)));
    let here: Vec<PathBuf> = libraries.filter(|path| path.exists()).collect();
    assert!(!here.is_empty(), "no TLS library is installed");
    here.iter().for_each(|path| examine(path));
}

/// An executable with an OpenSSL of its own, which its build has inlined the inner functions of.
#[test]
fn node_of_this_machine() {
    let node = Path::new("/usr/bin/node");
    if !node.exists() || !Elf::open(node).functions.contains_key("SSL_read") {
        println!("no node with an OpenSSL of its own is installed");
        return;
    }
    examine(node);
}

#[test]
fn libraries_of_other_releases_and_machines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus = root.join("target/corpus");
    let fetch = Command::new(root.join("tests/corpus/fetch.sh")).arg(&corpus).status().unwrap();
    assert!(fetch.success(), "tests/corpus/fetch.sh failed");
    let mut seen = BTreeSet::new();
    for (suite, ssl, gnutls) in [
        ("bullseye-amd64/usr/lib/x86_64-linux-gnu", "libssl.so.1.1", "libgnutls.so.30"),
        ("bookworm-arm64/usr/lib/aarch64-linux-gnu", "libssl.so.3", "libgnutls.so.30"),
        ("trixie-amd64/usr/lib/x86_64-linux-gnu", "libssl.so.3", "libgnutls.so.30"),
        ("trixie-arm64/usr/lib/aarch64-linux-gnu", "libssl.so.3", "libgnutls.so.30"),
    ] {
        for name in [ssl, gnutls] {
            let path = corpus.join(suite).join(name);
            examine(&path);
            seen.insert(path);
        }
    }
    assert_eq!(seen.len(), 8);
}

/// Go's functions, which are no C functions: what is chosen must hold nevertheless.
#[test]
fn go_of_this_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("get");
    let mut command = Command::new("go");
    command.args(["build", "-o"]).arg(&binary).arg(root.join("tests/programs/get.go"));
    command.env("GOCACHE", dir.path().join("cache")).env("GOFLAGS", "-mod=mod");
    assert!(command.env("HOME", dir.path()).status().unwrap().success(), "go build");
    assert!(survey(&binary) > 50);
}

/// Proves the sites of every function whose name says that it is part of TLS, for a probe that
/// needs all arguments: with and without a return probe. Prints how many there are of each kind.
pub(crate) fn survey(path: &Path) -> usize {
    let elf = Elf::open(path);
    let tls = |name: &str| {
        ["SSL_", "gnutls_", "PR_", "crypto/tls."].iter().any(|part| name.starts_with(part))
    };
    let mut named: Vec<_> = elf.functions.iter().filter(|(name, _)| tls(name)).collect();
    // One without a size can't be looked at by other means than the choice's own.
    named.retain(|(_, (_, size))| *size > 0);
    named.sort();
    let args = if elf.arch == Arch::X86_64 { 0x3f } else { 0xff };
    let (mut cases, mut counts) = (Cases::default(), [0; 3]);
    for &(name, &(va, size)) in &named {
        for returns in [true, false] {
            let need = Need { args, returns };
            let site = choose(&elf, elf.arch, va, need);
            check(&elf, name, va..va + size, &site, returns);
            cases.site(name, va, &site, need);
            counts[usize::from(site.cost == Cost::Stepped)] += usize::from(returns);
        }
        for &(row, args, returns) in FUNCTIONS.iter().filter(|(row, ..)| row == name) {
            let need = Need { args, returns };
            cases.site(row, va, &choose(&elf, elf.arch, va, need), need);
        }
    }
    for &(name, _) in WRAPPERS {
        let Some(&(va, _)) = elf.functions.get(name) else { continue };
        let Some(found) = inner(&elf, elf.arch, va, 3) else { continue };
        let Some(count) = found.count else { continue };
        let site = found.site(&elf, elf.arch, Need { args: 0b111 | 1 << count, returns: true });
        cases.inner(name, va, &found, &site);
        counts[2] += 1;
    }
    let [emulated, stepped, inner] = counts;
    if !named.is_empty() {
        println!(
            "{}: {} functions, {emulated} emulated, {stepped} single-stepped; {inner} inner",
            path.display(),
            named.len()
        );
        cases.prove(path);
    }
    named.len()
}

/// Prints what is chosen in one file and checks what must hold of it.
fn examine(path: &Path) {
    survey(path);
    let elf = Elf::open(path);
    println!("{}", path.display());
    let mut found = 0;
    for &(name, args, returns) in FUNCTIONS {
        let Some(&(va, size)) = elf.functions.get(name) else { continue };
        let site = choose(&elf, elf.arch, va, Need { args, returns });
        println!("  {name:30} {site}");
        found += 1;
        check(&elf, name, va..va + size, &site, returns);
        let entry_only = choose(&elf, elf.arch, va, Need { args, returns: false });
        check(&elf, name, va..va + size, &entry_only, false);
        assert!(
            entry_only.va >= va && (site.cost, entry_only.cost) != (Cost::Emulated, Cost::Stepped)
        );
        if elf.arch == Arch::X86_64 && !SLOW.contains(&name) {
            assert_eq!(site.cost, Cost::Emulated, "{name}");
        }
    }
    assert!(found > 8, "{found} functions");
    wrappers(&elf);
    if let Some(&(send2, _)) = elf.functions.get("gnutls_record_send2") {
        let (send, _) = elf.functions["gnutls_record_send"];
        assert!(covered(&elf, elf.arch, send, 3, send2, &[(0, 0), (1, 1), (2, 2)]));
        let (recv, _) = elf.functions["gnutls_record_recv"];
        assert!(!covered(&elf, elf.arch, recv, 3, send2, &[(0, 0), (1, 1), (2, 2)]));
    }
}

fn wrappers(elf: &Elf) {
    for &(name, others) in WRAPPERS {
        let Some(&(va, _)) = elf.functions.get(name) else { continue };
        let Some(found) = inner(elf, elf.arch, va, 3) else {
            // Only where the compiler has inlined it, and then the entry is a push.
            println!("  {name}: no thin wrapper");
            assert!(
                choose(elf, elf.arch, va, Need { args: 7, returns: true }).cost == Cost::Emulated
            );
            continue;
        };
        let count = found.count.expect(name);
        let sized = [Value::SignExtended(2), Value::ZeroExtended(2)].contains(&found.args[2]);
        assert!(found.args[..2] == [Value::Arg(0), Value::Arg(1)] && sized, "{found:?}");
        assert!(matches!(found.args[usize::from(count)], Value::Stack(_)), "{found:?}");
        assert!(count == 3 || found.args[3] == Value::Const(0), "{found:?}");
        assert!(!found.tail);

        let site = found.site(elf, elf.arch, Need { args: 0b111 | 1 << count, returns: true });
        println!("  {name}: {site}, count in argument {count}");
        let function = elf.extent(found.va).unwrap();
        check_bytes(elf, function, &site);
        assert!(elf.arch != Arch::X86_64 || site.cost == Cost::Emulated);
        for &(other, args) in others {
            let Some(&(va, _)) = elf.functions.get(other) else { continue };
            let last = args as u8 - 1;
            let same = [(0, 0), (1, 1), (2, 2), (usize::from(count), last)];
            assert!(covered(elf, elf.arch, va, args, found.va, &same), "{other}");
            // No other wrapper's function.
            let (free, _) = elf.functions["SSL_free"];
            assert!(!covered(elf, elf.arch, va, args, free, &same), "{other}");
        }
    }
}

fn check(elf: &Elf, name: &str, function: std::ops::Range<u64>, site: &Site, returns: bool) {
    assert!(function.contains(&site.va), "{name}: {site:?}");
    let place = match site.va - function.start {
        0 => Place::Entry,
        offset => Place::Within(offset),
    };
    assert_eq!(site.place, place, "{name}");
    assert!(!returns || site.sp_delta == 0, "{name}: {site:?}");
    check_bytes(elf, function, site);
}

/// By other means than the choice itself: the kind of instruction, that it is one, and that no
/// branch of the function leads to it or before it.
fn check_bytes(elf: &Elf, function: std::ops::Range<u64>, site: &Site) {
    let bytes = elf.at(site.va, 15);
    let len = (function.end - function.start) as usize;
    let into = |to: u64| to > function.start && to <= site.va;
    match elf.arch {
        Arch::X86_64 => {
            let cheap = match bytes {
                [0x41, second, ..] => (0x50..0x58).contains(second),
                [0x0f, second, ..] => second >> 4 == 8,
                [first, ..] => {
                    (0x50..0x58).contains(first)
                        || first >> 4 == 7
                        || [0x90, 0xe8, 0xe9, 0xeb].contains(first)
                }
                [] => panic!("no bytes"),
            };
            assert_eq!(site.cost == Cost::Emulated, cheap, "{bytes:x?}");
            let code = elf.at(function.start, len);
            let mut boundary = false;
            for i in &mut Decoder::with_ip(64, code, function.start, DecoderOptions::NONE) {
                boundary |= i.ip() == site.va;
                let next = i.flow_control() == FlowControl::Next;
                assert!(i.ip() >= site.va || next, "{:x}", i.ip());
                let branches = i.near_branch_target() != 0 && !i.is_call_near();
                assert!(!branches || !into(i.near_branch_target()), "{:x}", i.ip());
            }
            assert!(boundary);
        }
        Arch::Arm64 => {
            let word = u32::from_le_bytes(bytes[..4].try_into().unwrap());
            let system = (word >> 24) == 0xd5 || (word >> 24) == 0xd4;
            let cheap = (word >> 26) & 7 == 5 && !system || word & 0x1f00_0000 == 0x1000_0000;
            assert_eq!(site.cost == Cost::Emulated, cheap, "{word:x}");
            for (n, word) in elf.at(function.start, len).chunks_exact(4).enumerate() {
                let word = u32::from_le_bytes(word.try_into().unwrap());
                let (bits, shift) = match (word >> 24) & 0x7f {
                    0x14..=0x17 => (26, 0),
                    0x34 | 0x35 | 0x54 => (19, 5),
                    0x36 | 0x37 => (14, 5),
                    _ => continue,
                };
                let by = (i64::from(word >> shift) << (64 - bits)) >> (64 - bits);
                let to = (function.start + n as u64 * 4).wrapping_add_signed(by * 4);
                assert!(!into(to), "{to:x}");
            }
        }
    }
}
