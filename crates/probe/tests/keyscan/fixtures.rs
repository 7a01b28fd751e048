//! Programs compiled here, with and without symbols, in the ways that libraries are built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ecapture_probe::keyscan::{Chain, KeyKind, KeySites, Note};
use ecapture_probe::site::Arch;
use object::{Object, ObjectSymbol};
use tempfile::TempDir;

use super::found;

/// Compiles one of the sources beside this file, and returns the result without symbols and the
/// address that `function` has.
fn compile(dir: &TempDir, source: &str, flags: &[&str], function: &str) -> (PathBuf, u64) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keyscan").join(source);
    let (whole, stripped) = (dir.path().join("whole"), dir.path().join("stripped"));
    let run = |command: &mut Command| {
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
    };
    run(Command::new("cc").args(flags).arg(source).arg("-o").arg(&whole));
    run(Command::new("strip").arg("-o").arg(&stripped).arg(&whole));
    let bytes = fs::read(&whole).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let named = |symbol: &object::Symbol<'_, '_>| {
        symbol.name().is_ok_and(|name| name.split('.').next() == Some(function))
    };
    let symbol = file.symbols().find(named).expect(function);
    (stripped, symbol.address())
}

/// Only this machine's compiler is asked, so the registers are this machine's.
fn args(sites: &KeySites) -> [u8; 4] {
    match sites.arch {
        Arch::X86_64 => [7, 6, 2, 1],
        Arch::Arm64 => [0, 1, 2, 3],
    }
}

fn check(flags: &[&str]) {
    let dir = TempDir::new().unwrap();
    let (path, address) = compile(&dir, "fixture.c", flags, "log_secret");
    let sites = found(&path);
    let [connection, label, secret, len] = args(&sites);
    let [site] = *sites.logs.as_slice() else { panic!("{flags:?}: {sites:?}") };
    assert_eq!((site.kind, site.address), (KeyKind::Log, address), "{flags:?}");
    assert_eq!(site.label, Chain::reg(label));
    let of = site.secret.unwrap();
    assert_eq!((of.at, of.len), (Chain::reg(secret), Chain::reg(len)));
    assert_eq!(site.client_random, Chain::reg(connection).plus(0x160), "{flags:?}");
    assert!(site.votes >= 2, "{flags:?}: {site:?}");
    let code = fs::read(&path).unwrap();
    assert!(code.len() as u64 > site.offset);
    assert!(sites.notes.is_empty());
}

#[test]
fn shared_library() {
    for level in ["-O1", "-O2", "-O3", "-Os"] {
        check(&[level, "-fPIC", "-shared"]);
    }
}

/// Its functions can be replaced, so it calls its own through import slots.
#[test]
fn library_that_calls_itself_through_slots() {
    check(&["-O2", "-fPIC", "-shared", "-fno-semantic-interposition", "-Wl,-z,now"]);
    check(&["-O2", "-fPIC", "-shared", "-Wl,-z,lazy"]);
}

#[test]
fn programs() {
    check(&["-O2", "-fPIE", "-pie"]);
    // Absolute addresses, in immediates.
    check(&["-O2", "-fno-pie", "-no-pie"]);
    check(&["-O2", "-flto", "-fPIE", "-pie"]);
    check(&["-O2", "-static", "-fno-pie", "-no-pie"]);
    check(&["-O2", "-fcf-protection=none", "-fno-asynchronous-unwind-tables"]);
}

#[test]
fn what_compares_labels_takes_no_secrets() {
    let dir = TempDir::new().unwrap();
    for flags in [["-O2", "-pie"], ["-O2", "-static"]] {
        let (path, is) = compile(&dir, "comparing.c", &flags, "is");
        let sites = found(&path);
        // What is left is harmless, since the kernel half looks at label and length, and said.
        assert!(sites.logs.iter().all(|site| site.client_random.is_none()), "{sites}");
        assert!(sites.logs.len() <= 1 && sites.logs.iter().all(|site| site.address == is));
        assert!(!sites.notes.is_empty());
    }
}

#[test]
fn a_program_without_tls_has_no_labels() {
    let sites = found(Path::new("/bin/true"));
    assert_eq!(sites.notes, [Note::NoLabels]);
    assert!(sites.logs.is_empty() && sites.kdfs.is_empty() && sites.layout.is_none());
}
