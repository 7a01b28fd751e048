mod clients;
mod keyless;
mod older;
mod servers;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use live::{KeyServer, source_path, version_of};

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

fn port(server: &KeyServer) -> String {
    server.address().rsplit(':').next().expect("a port").to_owned()
}

/// Says which program it was.
fn named(program: &Path) {
    let path = program.to_str().expect("a path");
    println!("{path}: {}", version_of(path, &["--version"]));
}
