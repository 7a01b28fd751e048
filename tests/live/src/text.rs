//! Whether a probe stands in a process: its code in memory, against the file it came from.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

/// Offsets in `file`, a mapped library, where a process's code differs from what was mapped.
#[track_caller]
pub fn altered_bytes(pid: u32, file: &str) -> Vec<u64> {
    let on_disk = fs::read(file).unwrap_or_else(|why| panic!("{file}: {why}"));
    let memory = File::open(format!("/proc/{pid}/mem")).expect("a process's memory");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process's maps");
    let mut altered = Vec::new();
    let mut seen = false;
    for map in maps.lines().filter(|line| line.ends_with(file) && line.contains(" r-xp ")) {
        seen = true;
        let (range, rest) = map.split_once(' ').expect("a range");
        let (start, end) = range.split_once('-').expect("two addresses");
        let hex = |text: &str| u64::from_str_radix(text, 16).expect("a number");
        let (start, end) = (hex(start), hex(end));
        let offset = hex(rest.split(' ').nth(1).expect("an offset"));
        let length = (end - start).min(on_disk.len() as u64 - offset);
        let mut mapped = vec![0; length as usize];
        memory.read_exact_at(&mut mapped, start).expect("a process's code");
        let disk = &on_disk[offset as usize..][..length as usize];
        let differ = mapped.iter().zip(disk).enumerate().filter(|(_, (now, was))| now != was);
        altered.extend(differ.map(|(at, _)| offset + at as u64));
    }
    assert!(seen, "pid {pid} has not mapped {file}:\n{maps}");
    altered
}
