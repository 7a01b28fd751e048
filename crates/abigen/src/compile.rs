//! Compiles the header for the BPF target.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::names::Name;

/// The bytes of an object whose BTF holds every type in `names`.
pub(crate) fn object(header: &Path, names: &[Name]) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir().context("create a directory for the object")?;
    let source = directory.path().join("abi.c");
    let object = directory.path().join("abi.o");
    std::fs::write(&source, translation_unit(header, names)).context("write abi.c")?;
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang-14".to_owned());
    // Debian keeps <asm/types.h> in a directory per architecture, which clang does not
    // look into when it compiles for another one.
    let include = format!("-I/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let status = Command::new(&clang)
        .args(["-target", "bpf", "-O2", "-g", &include, "-c", "-o"])
        .args([&object, &source])
        .status()
        .with_context(|| format!("run {clang}"))?;
    if !status.success() {
        bail!("{clang} could not compile {}", header.display());
    }
    std::fs::read(&object).context("read the object")
}

/// One global of each type: clang leaves types that nothing uses out of the BTF.
fn translation_unit(header: &Path, names: &[Name]) -> String {
    let mut text = format!("#include <linux/types.h>\n#include \"{}\"\n", header.display());
    for (index, name) in names.iter().enumerate() {
        let (keyword, name) = match name {
            Name::Struct(name) => ("struct", name),
            Name::Enum(name) => ("enum", name),
        };
        let _ = writeln!(text, "{keyword} {name} use_{index};");
    }
    text
}
