//! Waits for a file to say something, woken by the kernel when it grows.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

use crate::process::deadline;

/// Answers the first line of `path` for which `wanted` answers, once it is written whole.
pub(crate) fn line_in_file<T>(
    path: &Path,
    mut wanted: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    let until = Instant::now() + deadline();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify");
    inotify::add_watch(&watch, path, inotify::WatchFlags::MODIFY)
        .expect("the output can be watched");
    let mut file = File::open(path).expect("the output can be read");
    let mut pending = Vec::new();
    loop {
        read_more(&mut file, &mut pending);
        while let Some(end) = pending.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(answer) = wanted(&line) {
                return Some(answer);
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        if poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&left)).is_ok_and(|n| n == 0) {
            return None;
        }
        let mut news = [0; 4096];
        let _ = rustix::io::read(&watch, &mut news);
    }
}

fn read_more(file: &mut File, into: &mut Vec<u8>) {
    if let Err(why) = file.read_to_end(into) {
        assert_eq!(why.kind(), ErrorKind::Interrupted, "the output cannot be read: {why}");
    }
}
