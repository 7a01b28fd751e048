//! A link in the folder where Wireshark looks for programs that capture.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::LINK;
use crate::exit::Failure;

/// Links this program; what was done.
pub(super) fn link(folder: Option<&Path>) -> Result<String, Failure> {
    let path = folder.map_or_else(personal, |folder| Ok(folder.to_owned()))?.join(LINK);
    let program = std::env::current_exe()?;
    let failed = |error| Failure::failed(format!("cannot link {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    remove(&path)?;
    symlink(&program, &path).map_err(failed)?;
    Ok(format!(
        "{} -> {}\nWireshark lists ecapture when it starts anew. What captures needs root's rights: \
         `sudo wireshark`, or give them to the program (docs/packets.md).\n",
        path.display(),
        program.display()
    ))
}

/// Takes the link away; what was done.
pub(super) fn unlink(folder: Option<&Path>) -> Result<String, Failure> {
    let path = folder.map_or_else(personal, |folder| Ok(folder.to_owned()))?.join(LINK);
    Ok(match remove(&path)? {
        true => format!("{} is gone\n", path.display()),
        false => format!("there was no {}\n", path.display()),
    })
}

/// Whether there was a link. What is none was not made here.
fn remove(path: &Path) -> Result<bool, Failure> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(false) };
    if !metadata.is_symlink() {
        return Err(Failure::failed(format!(
            "{} is no link and was not made by `ecapture extcap --install`; move it away",
            path.display()
        )));
    }
    fs::remove_file(path)
        .map_err(|error| Failure::failed(format!("cannot remove {}: {error}", path.display())))?;
    Ok(true)
}

/// The user's own folder, which tshark knows: it moved between versions.
fn personal() -> Result<PathBuf, Failure> {
    let said = Command::new("tshark").args(["-G", "folders"]).output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    said.ok().as_deref().and_then(of_folders).ok_or_else(|| {
        Failure::failed(
            "tshark does not say where your extcap folder is; name it, as Wireshark shows it under \
             Help, About, Folders: `ecapture extcap --install FOLDER`",
        )
    })
}

/// Newer versions name the folder; for older ones it is within the personal configuration.
fn of_folders(said: &str) -> Option<PathBuf> {
    let named = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name))?;
        Some(PathBuf::from(line.trim_start_matches(':').trim()))
    };
    named("Personal Extcap path")
        .or_else(|| Some(named("Personal configuration")?.join("extcap")))
        .filter(|folder| folder.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_each_version() {
        let old = "Temp:\t/tmp\nPersonal configuration:\t/home/a/.config/wireshark\n\
                   Extcap path:\t/usr/lib/wireshark/extcap\n";
        assert_eq!(of_folders(old), Some("/home/a/.config/wireshark/extcap".into()));
        let new = format!("{old}Personal Extcap path:\t/home/a/.local/lib/wireshark/extcap\n");
        assert_eq!(of_folders(&new), Some("/home/a/.local/lib/wireshark/extcap".into()));
        assert_eq!(of_folders(""), None);
    }
}
