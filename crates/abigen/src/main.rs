//! Writes `crates/abi/src/generated.rs` from `bpf/abi.h`, or checks that it is up to date.
//!
//! The compiler, not this program, decides about sizes and offsets: abi.h is compiled for the
//! BPF target and the layout is read from the BTF of the object.
#![forbid(unsafe_code)]

mod compile;
mod layout;
mod names;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let check = match arguments.next().as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument {other:?}; the only one is --check"),
    };
    let root = repository();
    let target = root.join("crates/abi/src/generated.rs");
    let fresh = generate(&root.join("bpf/abi.h"))?;
    if !check {
        fs::write(&target, fresh).with_context(|| format!("write {}", target.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let committed =
        fs::read_to_string(&target).with_context(|| format!("read {}", target.display()))?;
    if committed == fresh {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{} is not what bpf/abi.h says; run `make abi`", target.display());
    Ok(ExitCode::FAILURE)
}

/// The Rust source for a header.
fn generate(header: &Path) -> Result<String> {
    let text = fs::read_to_string(header).with_context(|| format!("read {}", header.display()))?;
    let names = names::scan(&text);
    let object = compile::object(header, &names)?;
    let types = layout::read(&object, &names)?;
    rust::source(&types)
}

/// The directory that holds `bpf/` and `crates/`.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_file_is_what_the_header_says() {
        let root = repository();
        let fresh = generate(&root.join("bpf/abi.h")).unwrap();
        let committed = fs::read_to_string(root.join("crates/abi/src/generated.rs")).unwrap();
        assert!(fresh == committed, "crates/abi/src/generated.rs is stale; run `make abi`");
    }

    #[test]
    fn padding_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let header = directory.path().join("abi.h");
        fs::write(&header, "struct abi_hole {\n    __u8 a;\n    __u32 b;\n};\n").unwrap();
        let error = generate(&header).unwrap_err().to_string();
        assert_eq!(error, "struct abi_hole: 3 bytes of padding before `b`");
    }
}
