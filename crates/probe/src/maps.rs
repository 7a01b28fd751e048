//! Which files are mapped as code, by whom: `/proc/PID/maps`, read by device and inode.
//!
//! A path in that file is what the process's owner wants it to be (newlines, a name inside
//! another mount namespace, a name that something else has now), so it is shown and never opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

/// A file as the kernel knows it, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// Major number of the file system's device.
    pub major: u32,
    /// Minor number of it.
    pub minor: u32,
    /// Inode number on it.
    pub inode: u64,
}

/// A stretch of a process's memory that is a file's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// First and last-plus-one address, which together name it in `/proc/PID/map_files`.
    pub range: (u64, u64),
    /// The file behind it.
    pub file: FileKey,
    /// The path as the kernel shows it: a label.
    pub path: String,
}

impl Mapping {
    /// Opens the very file that is mapped, also when its name is gone or is another file's now.
    pub fn open(&self, pid: u32) -> io::Result<File> {
        File::open(format!("/proc/{pid}/map_files/{:x}-{:x}", self.range.0, self.range.1))
    }

    /// The same; it may have been split or moved since it was told, so the file is looked for.
    pub(crate) fn open_again(&self, pid: u32) -> io::Result<File> {
        self.open(pid).or_else(|_| {
            let again = of_process(pid)?.into_iter().find(|now| now.file == self.file);
            again.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.open(pid)
        })
    }

    /// The path without what the kernel adds to that of a file that is gone.
    pub(crate) fn name(&self) -> &str {
        self.path.trim_end_matches(" (deleted)")
    }
}

/// The code mappings of a process. Empty for kernel threads; an error if it is gone.
pub(crate) fn of_process(pid: u32) -> io::Result<Vec<Mapping>> {
    // As a rule all of it at once: the kernel can't say beforehand how long it is.
    let mut text = Vec::with_capacity(32 << 10);
    File::open(format!("/proc/{pid}/maps"))?.read_to_end(&mut text)?;
    Ok(parse(&text))
}

/// Where the code of a process is from.
#[derive(Debug)]
pub struct CodeMap(Vec<((u64, u64), FileKey, u64)>);

impl CodeMap {
    /// As it is now; nothing of a process that is gone.
    pub fn of(pid: u32) -> Self {
        Self::parse(&fs::read(format!("/proc/{pid}/maps")).unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        let code = lines(text).filter(|line| line.executable && line.file.inode != 0);
        Self(code.map(|line| (line.range, line.file, line.offset)).collect())
    }

    /// The file whose code is at an address, and where in the file that is.
    pub fn at(&self, address: u64) -> Option<(FileKey, u64)> {
        let within = |(start, end): (u64, u64)| (start..end).contains(&address);
        let (range, file, offset) = self.0.iter().find(|(range, ..)| within(*range))?;
        Some((*file, offset.checked_add(address - range.0)?))
    }
}

/// Every process's number.
pub(crate) fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Every process, unless only these are wanted.
pub(crate) fn wanted(pids: &[u32]) -> Vec<u32> {
    if pids.is_empty() { processes() } else { pids.to_vec() }
}

/// A process's name; `?` if it is gone.
pub fn comm(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_else(|_| b"?".to_vec());
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// The program that a process runs.
pub fn exe(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The key under which the kernel would show a file that we opened. `stat` does not always agree
/// with it (btrfs, overlayfs), so the file is mapped and our own table of mappings is asked.
pub(crate) fn key_of(file: &File) -> io::Result<Option<FileKey>> {
    let map = crate::memory::placed(file)?;
    let address = map.as_ptr() as u64;
    let own = fs::read("/proc/self/maps")?;
    Ok(lines(&own).find(|line| line.range.0 == address).map(|line| line.file))
}

fn parse(text: &[u8]) -> Vec<Mapping> {
    lines(text)
        .filter(|line| line.executable && line.file.inode != 0)
        .map(|line| Mapping {
            range: line.range,
            file: line.file,
            path: String::from_utf8_lossy(line.path).into_owned(),
        })
        .collect()
}

struct Line<'a> {
    range: (u64, u64),
    executable: bool,
    offset: u64,
    file: FileKey,
    path: &'a [u8],
}

/// `start-end perms offset major:minor inode   path`; the kernel writes a newline in a path as
/// `\012`, so a line is a line. What does not look like one is passed over.
fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(6, |&byte| byte == b' ');
        let (start, end) = split(fields.next()?, b'-')?;
        let permissions = fields.next()?;
        let offset = hex(fields.next()?)?;
        let (major, minor) = split(fields.next()?, b':')?;
        let inode = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let file =
            FileKey { major: u32::try_from(major).ok()?, minor: u32::try_from(minor).ok()?, inode };
        let path = fields.next().unwrap_or_default().trim_ascii_start();
        Some(Line {
            range: (start, end),
            executable: permissions.get(2) == Some(&b'x'),
            offset,
            file,
            path,
        })
    })
}

/// Two hexadecimal numbers and what stands between them.
fn split(text: &[u8], by: u8) -> Option<(u64, u64)> {
    let between = text.iter().position(|&byte| byte == by)?;
    Some((hex(&text[..between])?, hex(&text[between + 1..])?))
}

fn hex(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_data_and_paths_are_kept_whole() {
        let text = b"\
7f0000000000-7f0000001000 r--p 00000000 fe:01 77                         /a b/libssl.so.3\n\
7f0000001000-7f0000002000 r-xp 00001000 fe:01 77                         /a b/libssl.so.3 (deleted)\n\
7f0000003000-7f0000004000 r-xp 00000000 00:00 0                          [vdso]\n\
nonsense\n\
7f0000005000-7f0000006000 r-xp 00000000 fe:zz 9 /x\n\
7f0000007000-7f0000008000 r-xp 00000000 fe:01 9 /evil\\0127f-8f r-xp 0 fe:01 1 /etc/x\n";
        let found = parse(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].range, (0x7f00_0000_1000, 0x7f00_0000_2000));
        assert_eq!(found[0].file, FileKey { major: 0xfe, minor: 1, inode: 77 });
        let code = CodeMap::parse(text);
        assert_eq!(code.at(0x7f00_0000_1010), Some((found[0].file, 0x1010)));
        assert_eq!((code.at(0x7f00_0000_0000), code.at(0x7f00_0000_2000)), (None, None));
        assert_eq!(found[0].path, "/a b/libssl.so.3 (deleted)");
        assert_eq!(found[1].file.inode, 9);
    }

    #[test]
    fn our_own_program_is_found_under_its_key() {
        let own = of_process(std::process::id()).unwrap();
        let key = key_of(&File::open("/proc/self/exe").unwrap()).unwrap().unwrap();
        assert!(own.iter().any(|mapping| mapping.file == key));
    }
}
