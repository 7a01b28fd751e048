//! What tshark makes of encrypted packets with nothing but the file.

use std::{fs, path::Path, process::Command};

use live::Process;

use crate::packets::Capture;

/// The objects that tshark finds in a file's HTTP or HTTP/2, by name; one that was fetched again
/// has a number behind it.
#[track_caller]
pub(crate) fn objects(file: &Path, directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut command = Command::new("tshark");
    // A busy receiver makes the kernel send again, on loopback, too.
    command.args(["-n", "-q", "-o", "tcp.reassemble_out_of_order:TRUE", "-r"]).arg(file);
    command.arg("--export-objects").arg(format!("http,{}", directory.display()));
    Process::start(command).finish().success();
    let mut found: Vec<_> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let content = fs::read(entry.path()).expect("an object");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect();
    found.sort();
    found
}

/// The bodies of HTTP/2, as hexadecimal digits: those in one DATA frame, and those in several.
#[track_caller]
pub(crate) fn http2_bodies(file: &Capture) -> Vec<String> {
    let single = file.fields(["http2.data.data"], "http2.data.data && !http2.body.fragments");
    let whole = file.fields(["http2.body.reassembled.data"], "http2.body.reassembled.data");
    let all = single.into_iter().chain(whole).flatten();
    all.map(|data| data.replace([':', '|'], "")).filter(|data| !data.is_empty()).collect()
}

/// The bodies of HTTP/3's answers (RFC 9114), one for each stream that a client opened.
#[track_caller]
pub(crate) fn http3_bodies(file: &Capture) -> Vec<Vec<u8>> {
    let rows =
        file.fields(["quic.connection.number", "quic.stream.stream_id"], "quic.stream.stream_id");
    let mut streams: Vec<(String, u64)> = Vec::new();
    for [connection, ids] in rows {
        let ids = ids.split('|').map(|id| id.parse().expect("a stream's number"));
        // Those on which a client asks (RFC 9000, section 2.1).
        let asked = ids.filter(|id: &u64| id.is_multiple_of(4));
        streams.extend(asked.map(|id| (connection.clone(), id)));
    }
    streams.sort();
    streams.dedup();
    let each = streams.iter().map(|(connection, id)| answer(&followed(file, connection, *id)));
    each.collect()
}

/// What a server sent on a stream, as tshark puts it together.
#[track_caller]
fn followed(file: &Capture, connection: &str, stream: u64) -> Vec<u8> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-q", "-r"]).arg(file.path());
    command.args(["-z", &format!("follow,quic,raw,{connection},{stream}")]);
    let text = Process::start(command).finish().success().stdout_text();
    // The server's lines begin with a tab.
    let digits: String = text.lines().filter_map(|line| line.strip_prefix('\t')).collect();
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    let bytes = digits.as_bytes().chunks(2).map(|two| byte(two).expect("two digits"));
    bytes.collect()
}

/// The bytes of its DATA frames, as far as they are there.
fn answer(mut stream: &[u8]) -> Vec<u8> {
    fn number(stream: &mut &[u8]) -> Option<u64> {
        let first = *stream.split_off_first()?;
        let more = stream.split_off(..(1 << (first >> 6)) - 1)?;
        Some(more.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
    }
    const DATA: u64 = 0;
    let mut body = Vec::new();
    while let (Some(kind), Some(len)) = (number(&mut stream), number(&mut stream)) {
        let (content, rest) = stream.split_at(stream.len().min(len as usize));
        if kind == DATA {
            body.extend_from_slice(content);
        }
        stream = rest;
    }
    body
}
