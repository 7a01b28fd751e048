//! Key sites of libraries that others built: those of this machine, and Debian's of other releases
//! and of arm64, as data. What is expected is what a second, independent search found.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ecapture_probe::keyscan::{KdfKind, KeyKind, Note};

use super::found;

/// The one site of a file, as kind, address, register of the label, and way to `client_random`.
pub(super) fn only(path: &Path) -> (KeyKind, u64, u8, String) {
    let sites = found(path);
    let [site] = *sites.logs.as_slice() else { panic!("{}: {sites}", path.display()) };
    let random = site.client_random.map(|chain| chain.show(sites.arch).to_string());
    (site.kind, site.address, site.label.reg, random.unwrap_or_default())
}

fn installed(name: &str) -> Option<PathBuf> {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
    dirs.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
}

#[test]
fn openssl_of_this_machine() {
    let (kind, _, _, random) = only(&installed("libssl.so.3").expect("no libssl.so.3"));
    assert_eq!(kind, KeyKind::Log);
    assert!(!random.is_empty());
    let crypto = found(&installed("libcrypto.so.3").expect("no libcrypto.so.3"));
    assert_eq!(crypto.notes, [Note::NoLabels]);
    assert!(crypto.kdfs.iter().any(|site| site.kind == KdfKind::EvpKdfDerive));
}

#[test]
fn gnutls_of_this_machine() {
    let (kind, _, _, random) = only(&installed("libgnutls.so.30").expect("no libgnutls.so.30"));
    assert_eq!(kind, KeyKind::Log);
    assert!(random.ends_with("+0x50"), "{random}");
}

#[test]
fn nss_of_this_machine() {
    let Some(nss) = installed("libssl3.so") else {
        println!("no NSS is installed");
        return;
    };
    let (kind, _, _, random) = only(&nss);
    assert_eq!(kind, KeyKind::NssRecord);
    assert!(!random.is_empty());
    let freebl = found(&nss.with_file_name("libfreeblpriv3.so"));
    let kinds: Vec<KdfKind> = freebl.kdfs.iter().map(|site| site.kind).collect();
    assert_eq!(
        kinds,
        [KdfKind::TlsPrf, KdfKind::HmacUpdate, KdfKind::HmacFinish, KdfKind::TlsPHash]
    );
}

/// Debian's libraries: suite and architecture, path, way to `client_random`.
const DEBIAN: &[(&str, &str, &str)] = &[
    ("bullseye-amd64", "x86_64-linux-gnu/libssl.so.1.1", "*(rdi+0xa8)+0xb8"),
    ("bullseye-amd64", "x86_64-linux-gnu/libgnutls.so.30", "rdi+0x50"),
    ("bookworm-arm64", "aarch64-linux-gnu/libssl.so.3", "x0+0x160"),
    ("bookworm-arm64", "aarch64-linux-gnu/libgnutls.so.30", "x0+0x50"),
    ("trixie-amd64", "x86_64-linux-gnu/libssl.so.3", "rdi+0x188"),
    ("trixie-amd64", "x86_64-linux-gnu/libgnutls.so.30", "rdi+0x50"),
    ("trixie-arm64", "aarch64-linux-gnu/libssl.so.3", "x0+0x188"),
    ("trixie-arm64", "aarch64-linux-gnu/libgnutls.so.30", "x0+0x50"),
];

#[test]
fn libraries_of_other_releases_and_machines() {
    let corpus = fetched();
    for &(suite, library, way) in DEBIAN {
        let (kind, _, label, random) = only(&corpus.join(suite).join("usr/lib").join(library));
        assert_eq!((kind, random.as_str()), (KeyKind::Log, way), "{suite} {library}");
        assert_eq!(label, if suite.ends_with("arm64") { 1 } else { 6 });
    }
}

/// 3.87 and 3.110.
#[test]
fn nss_of_other_releases_and_machines() {
    let corpus = fetched();
    for (folder, address, way) in [
        ("bookworm-arm64/usr/lib/aarch64-linux-gnu", 0x1b150, "x0+0x620"),
        ("trixie-amd64/usr/lib/x86_64-linux-gnu", 0x1cee0, "rdi+0x628"),
    ] {
        let (kind, at, _, random) = only(&corpus.join(folder).join("libssl3.so"));
        assert_eq!((kind, random.as_str()), (KeyKind::NssRecord, way), "{folder}");
        assert_eq!(at, address, "{folder}");
        let freebl = found(&corpus.join(folder).join("libfreeblpriv3.so"));
        assert_eq!(freebl.kdfs.len(), 4, "{folder}");
    }
}

/// Where the libraries of other releases and machines are.
fn fetched() -> PathBuf {
    static CORPUS: OnceLock<PathBuf> = OnceLock::new();
    CORPUS.get_or_init(fetch).clone()
}

fn fetch() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus = root.join("target/corpus");
    let fetch = Command::new(root.join("tests/corpus/fetch.sh")).arg(&corpus).status().unwrap();
    assert!(fetch.success(), "tests/corpus/fetch.sh failed");
    corpus
}
