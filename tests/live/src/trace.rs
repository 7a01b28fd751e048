//! curl, which can write down every byte that it sends and gets.

use std::{fs, path::Path, process::Command};

use crate::{
    process::{Finished, Process},
    tree::curl,
};

/// What one curl moved, by its own account.
#[derive(Debug, Default, Clone)]
pub struct Trace {
    /// The process.
    pub pid: u32,
    /// Bytes of the request.
    pub sent: Vec<u8>,
    /// Bytes of the answer.
    pub received: Vec<u8>,
}

/// Fetches `url` over HTTP/1.1 and answers what curl says that it moved. `with` adds options.
#[track_caller]
pub fn traced_curl(cert: &Path, url: &str, with: impl FnOnce(&mut Command)) -> Trace {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("trace");
    let mut command = curl(cert);
    command.args(["--http1.1", "--output", "/dev/null", "--trace"]).arg(&file).arg(url);
    with(&mut command);
    let Finished { pid, .. } = Process::start(command).finish().success();
    Trace { pid, ..parse(&fs::read_to_string(&file).expect("curl's trace")) }
}

fn parse(text: &str) -> Trace {
    let mut trace = Trace::default();
    let mut aside = Vec::new();
    let mut now = &mut aside;
    for line in text.lines() {
        match line.split_once(", ").map_or(line, |(what, _)| what) {
            "=> Send header" | "=> Send data" => now = &mut trace.sent,
            "<= Recv header" | "<= Recv data" => now = &mut trace.received,
            _ if line.starts_with(['=', '<']) => now = &mut aside,
            _ => now.extend(hex_columns(line)),
        }
    }
    trace
}

/// `0000: 47 45 54 20 2f  GET /`: the offset, up to 16 bytes, the same as text.
fn hex_columns(line: &str) -> Vec<u8> {
    let Some((_, columns)) = line.split_once(": ") else { return Vec::new() };
    let columns = columns.get(..3 * 16).unwrap_or(columns);
    let bytes = columns.split(' ').map_while(|column| u8::from_str_radix(column, 16).ok());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_bytes_and_not_their_text() {
        let text = "== Info: hello: there\n\
            => Send SSL data, 5 bytes (0x5)\n0000: 16 03 01 02 00                                  .....\n\
            => Send header, 4 bytes (0x4)\n0000: 61 62 63 0a                                     abc.\n\
            <= Recv header, 2 bytes (0x2)\n0000: 0d 0a                                           ..\n\
            <= Recv data, 17 bytes (0x11)\n\
            0000: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 0123456789abcdef\n\
            0010: 67                                              g\n";
        let trace = parse(text);
        assert_eq!(trace.sent, b"abc\n");
        assert_eq!(trace.received, b"\r\n0123456789abcdefg");
    }
}
