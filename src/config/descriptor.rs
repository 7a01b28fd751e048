//! `--proto-descriptor`: files that name the fields of Protocol Buffers, read before anything starts.

use std::fs;
use std::path::{Path, PathBuf};

use stream::protobuf::{DescriptorError, Descriptors};

use crate::exit::Failure;

const HOW: &str = "`protoc --include_imports --descriptor_set_out=FILE YOUR.proto` writes one";

/// All of them as one.
pub(super) fn descriptors(files: &[PathBuf]) -> Result<Descriptors, Failure> {
    let mut all = Descriptors::default();
    for path in files {
        let wrong =
            |why: String| Failure::failed(format!("--proto-descriptor {}: {why}", path.display()));
        let set = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        all.add(&set).map_err(|error| wrong(sentence(path, &error)))?;
    }
    if !files.is_empty() && all.services() == 0 {
        return Err(Failure::failed(
            "--proto-descriptor: no service is described, and a message's type is known by its \
             service; describe the .proto file with the service",
        ));
    }
    Ok(all)
}

fn sentence(path: &Path, error: &DescriptorError) -> String {
    match error {
        DescriptorError::NoSet if path.extension().is_some_and(|ext| ext == "proto") => {
            format!("it is not a file descriptor set but, by its name, a source; {HOW}")
        }
        DescriptorError::NoSet => format!("{error}; {HOW}"),
        DescriptorError::Import(_) => {
            format!(
                "{error}; add --include_imports to protoc, or name its description before this one"
            )
        }
        DescriptorError::Unfit(_) => format!("{error}; {HOW}"),
    }
}
