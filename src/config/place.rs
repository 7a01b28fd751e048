//! Where captured data goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::{Global, Model, Tls};
use crate::exit::Failure;
use crate::run::pcap::Rotation;

/// Where `-m keylog` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeylogFile {
    Stdout,
    /// Added to, if it exists.
    Path(PathBuf),
}

/// Where `--plaintext-pcap` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyntheticFile {
    Stdout,
    Path(PathBuf),
}

/// What eCapture's files of a library are named by.
pub(super) fn command(library: &str) -> &str {
    if library == "go" { "gotls" } else { library }
}

/// Where keys go. The default is eCapture's: `ecapture_openssl_key.log`.
pub(super) fn keylog(tls: &Tls, library: Option<&str>) -> KeylogFile {
    match &tls.keylogfile {
        Some(path) if is_stdout(path) => KeylogFile::Stdout,
        Some(path) => KeylogFile::Path(path.clone()),
        None => {
            let library = library.map_or("openssl", command);
            KeylogFile::Path(PathBuf::from(format!("ecapture_{library}_key.log")))
        }
    }
}

pub(super) fn output(global: &Global, tls: &Tls) -> Result<Option<PathBuf>, Failure> {
    output_of(global, tls.output.as_deref())
}

/// Where it goes that `-o` or `--eventaddr` names.
pub(super) fn output_of(global: &Global, o: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let named = match (o, &global.eventaddr) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage("-o and --eventaddr name the same thing; use -o"));
        }
        (Some(path), None) => path.to_owned(),
        (None, Some(address)) if address.contains("://") => {
            return Err(Failure::usage(format!(
                "--eventaddr {address}: sending captured data elsewhere is not in this version; \
                 name a file, or pipe"
            )));
        }
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => return Ok(None),
    };
    Ok((!is_stdout(&named) && !named.as_os_str().is_empty()).then_some(named))
}

/// Where plaintext goes as synthetic packets, too.
pub(super) fn synthetic(tls: &Tls) -> Option<SyntheticFile> {
    tls.plaintext_pcap.as_deref().map(|path| match is_stdout(path) {
        true => SyntheticFile::Stdout,
        false => SyntheticFile::Path(path.to_owned()),
    })
}

/// When the file of plaintext is put aside, by eCapture's flags.
pub(super) fn rotation(global: &Global, tls: &Tls) -> Result<Rotation, Failure> {
    if asked_aside(global).is_on() && !tls.model.contains(&Model::Text) {
        return Err(Failure::usage(ASIDE));
    }
    rotation_of(global, tls.output.as_deref())
}

/// When the file is put aside that `-o` or `--eventaddr` names.
pub(super) fn rotation_of(global: &Global, o: Option<&Path>) -> Result<Rotation, Failure> {
    let rotation = asked_aside(global);
    if rotation.is_on() && goes_to_stdout(global, o) {
        return Err(Failure::usage(ASIDE));
    }
    Ok(rotation)
}

const ASIDE: &str =
    "--eventroratesize and --eventroratetime put a file of plaintext aside; name it with -o";

fn asked_aside(global: &Global) -> Rotation {
    let (size, time) = (global.eventroratesize, global.eventroratetime);
    Rotation {
        bytes: (size > 0).then(|| size.saturating_mul(1_000_000)),
        age: (time > 0).then(|| Duration::from_secs(time)),
    }
}

/// Whether plaintext goes to standard output.
pub(super) fn names_stdout(global: &Global, tls: &Tls) -> bool {
    goes_to_stdout(global, tls.output.as_deref())
}

fn goes_to_stdout(global: &Global, o: Option<&Path>) -> bool {
    let named = o.or(global.eventaddr.as_deref().map(Path::new));
    named.is_none_or(|path| is_stdout(path) || path.as_os_str().is_empty())
}

pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
