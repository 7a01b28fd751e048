/// A test for each release: what it is called, and the version that `$check` is given.
macro_rules! each_release {
    ($check:ident: $($name:ident = $version:literal)*) => {$(
        #[test]
        #[ignore = "fetches 900 MB: make test-wide"]
        fn $name() {
            $check($version);
        }
    )*};
}

/// Runs `node` of the module for each release of Node.js.
macro_rules! each_node {
    () => {
        each_release! { node:
            node_12_has_openssl_111 = "12.22.12"
            node_14_has_openssl_111 = "14.21.3"
            node_16_has_openssl_111_with_quic = "16.20.2"
            node_18_has_openssl_30 = "18.20.8"
            node_20_has_openssl_30 = "20.20.2"
            node_22_has_openssl_35 = "22.23.3"
            node_24_has_openssl_35 = "24.21.0"
            node_26_has_openssl_35 = "26.10.0"
        }
    };
}

/// Runs `cryptography` of the module for each release of that.
macro_rules! each_cryptography {
    () => {
        each_release! { cryptography:
            cryptography_3_has_openssl_111 = "3.4.8"
            cryptography_41_has_openssl_31 = "41.0.7"
            cryptography_50_has_openssl_40 = "50.0.2"
        }
    };
}

mod clients;
mod keyless;
mod older;
mod servers;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use live::{source_path, version_of};

/// The folder of a package; all are fetched once, for all tests.
#[track_caller]
fn package(name: &str) -> PathBuf {
    static WIDE: OnceLock<PathBuf> = OnceLock::new();
    let wide = WIDE.get_or_init(|| {
        let wide = source_path("target/wide");
        let script = source_path("tests/corpus/fetch-wide.sh");
        let fetched = Command::new(script).arg(&wide).status().expect("a script");
        assert!(fetched.success(), "tests/corpus/fetch-wide.sh failed");
        wide
    });
    wide.join(name)
}

/// The file in curl_cffi that holds BoringSSL.
#[track_caller]
fn boringssl() -> PathBuf {
    let folder = package("curl_cffi-0.17.0-x86_64").join("curl_cffi");
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    let holds = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("_wrapper.");
    let file = files.map(|file| file.path()).find(|path| path.file_name().is_some_and(holds));
    let file = file.expect("the module in the wheel");
    file.canonicalize().expect("a path")
}

/// Says which program it was.
fn named(program: &Path) {
    let path = program.to_str().expect("a path");
    println!("{path}: {}", version_of(path, &["--version"]));
}
