//! Compiles the kernel half into the object that the loader embeds.

use std::env;
use std::path::PathBuf;

use libbpf_cargo::SkeletonBuilder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bpf = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../bpf").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("ecapture.bpf.o");
    let arch = match env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => return Err(format!("no register layout for {other}").into()),
    };
    println!("cargo:rerun-if-changed={}", bpf.display());
    println!("cargo:rerun-if-env-changed=CLANG");

    SkeletonBuilder::new()
        .source(bpf.join("ecapture.bpf.c"))
        // Debian's name carries the version; any clang from 14 on will do.
        .clang(env::var("CLANG").unwrap_or_else(|_| default_clang()))
        .clang_args([
            "-mcpu=v3".to_owned(),
            format!("-D__TARGET_ARCH_{arch}"),
            format!("-I{}", bpf.display()),
            format!("-I/usr/include/{}-linux-gnu", env::var("CARGO_CFG_TARGET_ARCH")?),
            "-Wall".to_owned(),
            "-Werror".to_owned(),
        ])
        .obj(out)
        .build()?;
    Ok(())
}

fn default_clang() -> String {
    let found = |name: &str| {
        env::var_os("PATH")
            .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(name).is_file()))
    };
    ["clang-14", "clang", "clang-19", "clang-16", "clang-15"]
        .into_iter()
        .find(|name| found(name))
        .unwrap_or("clang")
        .to_owned()
}
