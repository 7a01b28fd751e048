//! What is not offered is refused with a sentence, so that nobody waits for what never comes.

use std::path::PathBuf;

use super::place::{is_stdout, names_stdout};
use crate::args::{Format, Global, Model, OnOverload, Tls};
use crate::exit::Failure;

/// Refuses what is not offered, or not together.
pub(super) fn refuse(global: &Global, tls: &Tls) -> Result<(), Failure> {
    let refused = [(
        tls.keylogfile.is_some() && !tls.model.contains(&Model::Keylog),
        "-k names the file of -m keylog; add keylog to -m",
    )];
    let (text, packets) = (tls.model.contains(&Model::Text), tls.model.contains(&Model::Pcap));
    let without_packets = if packets { Vec::new() } else { refused_without_packets(tls) };
    let without_text = if text { Vec::new() } else { refused_without_text(global, tls) };
    let refused = refused
        .into_iter()
        .chain(refused_anywhere(global))
        .chain(without_packets)
        .chain(without_text);
    let refused = refused.chain(refused_beside_packets_of_plaintext(global, tls)).chain([
        (
            tls.keep_bytes.is_some()
                && tls.on_overload != OnOverload::Truncate
                && tls.max_cpu.is_none(),
            "--keep-bytes says what --on-overload truncate and --max-cpu take of a call; -t cuts \
             every call",
        ),
        (
            tls.format == Some(Format::Json) && global.hex,
            "--hex is for --format text; JSON has base64",
        ),
        (
            tls.format == Some(Format::Har) && (global.hex || tls.raw),
            "--format har is for messages; leave out --hex and --raw",
        ),
        (
            tls.summary
                && (tls.format.unwrap_or(Format::Text) != Format::Text || tls.raw || global.hex),
            "--summary is text, a line per exchange; leave out --format, --hex and --raw",
        ),
        (
            tls.raw && tls.max_body.is_some(),
            "--max-body is for messages, and --raw shows bytes; use -t to cut calls",
        ),
        (
            !tls.proto_descriptor.is_empty()
                && (tls.raw || tls.summary || tls.format == Some(Format::Har)),
            "--proto-descriptor names the fields of gRPC's messages, which only text and JSON show \
             whole; leave out --raw, --summary and --format har",
        ),
        (
            tls.pcapfile.as_deref().is_some_and(is_stdout)
                && (tls.rotate_size.is_some() || tls.rotate_time.is_some()),
            "--rotate-size and --rotate-time need a file; -w - is one stream",
        ),
        (
            text && packets
                && tls.pcapfile.as_deref().is_some_and(is_stdout)
                && names_stdout(global, tls),
            "plaintext and packets can't both go to standard output; name a file with -o or -w",
        ),
        (
            tls.keylogfile.as_deref().is_some_and(is_stdout)
                && (text && names_stdout(global, tls)
                    || packets && tls.pcapfile.as_deref().is_some_and(is_stdout)),
            "keys can't go to standard output beside something else; name a file with -k",
        ),
    ]);
    first(refused)
}

/// Refuses what is not offered by commands that show lines.
pub(super) fn refuse_of_lines(global: &Global) -> Result<(), Failure> {
    first(refused_anywhere(global).into_iter().chain([
        (global.hex, "--hex is for `ecapture tls`; lines are text, and --format json has base64"),
        (global.tsize > 0, "-t is for `ecapture tls`; lines are taken whole, up to 1 MiB of each"),
    ]))
}

fn first(mut refused: impl Iterator<Item = (bool, &'static str)>) -> Result<(), Failure> {
    match refused.find(|(typed, _)| *typed) {
        Some((_, sentence)) => Err(Failure::usage(sentence)),
        None => Ok(()),
    }
}

fn refused_anywhere(global: &Global) -> [(bool, &'static str); 4] {
    [
        (global.btf == 2, "-b 2 asks for programs without BTF; there are none, BTF is needed"),
        (global.btf > 2, "-b takes 0 (find out) or 1 (BTF)"),
        (
            global.ecaptureq.is_some(),
            "--ecaptureq (a server for eCapture's desktop program) is not in this version; pipe \
             --format json",
        ),
        (
            global.listen.is_some(),
            "--listen (changing a running capture over HTTP) is not in this version; start \
             ecapture anew",
        ),
    ]
}

fn refused_beside_packets_of_plaintext(global: &Global, tls: &Tls) -> Vec<(bool, &'static str)> {
    let Some(file) = &tls.plaintext_pcap else { return Vec::new() };
    let on_stdout = is_stdout(file);
    let other = |named: &Option<PathBuf>| named.as_deref().is_some_and(is_stdout);
    vec![
        (
            !tls.model.contains(&Model::Text),
            "--plaintext-pcap writes what -m text captures; add text to -m",
        ),
        (
            tls.shown.hides(),
            "--plaintext-pcap writes bytes that are not decoded, in which secrets can't be found \
             reliably; leave it out, or --redact and its kin",
        ),
        (
            on_stdout && names_stdout(global, tls),
            "plaintext and packets can't both go to standard output; name a file with -o, such as \
             -o /dev/null",
        ),
        (
            on_stdout && (other(&tls.pcapfile) || other(&tls.keylogfile)),
            "only one output can go to standard output; name files for the others",
        ),
        (
            !on_stdout && tls.pcapfile.as_ref() == Some(file),
            "-w and --plaintext-pcap name one file; each needs its own",
        ),
    ]
}

fn refused_without_packets(tls: &Tls) -> Vec<(bool, &'static str)> {
    vec![
        (
            !tls.ifname.is_empty(),
            "-i chooses where packets are captured and narrows nothing in text mode; leave it out, \
             or use --net, -p, -u or --comm",
        ),
        (tls.pcapfile.is_some(), "-w names the file of -m pcap; text goes to -o"),
        (
            tls.rotate_size.is_some() || tls.rotate_time.is_some(),
            "--rotate-size and --rotate-time are for the file of -m pcap",
        ),
        (
            !tls.filter.is_empty(),
            "a packet filter chooses packets, and text mode has none; use --port, --net, -p, -u or \
             --comm",
        ),
    ]
}

fn refused_without_text(global: &Global, tls: &Tls) -> Vec<(bool, &'static str)> {
    vec![
        (
            tls.output.is_some() || global.eventaddr.is_some(),
            "-o names the file of plaintext; packets go to -w, keys to -k",
        ),
        (
            tls.format.is_some(),
            "--format is for plaintext; packets are written as pcapng, keys as a key log",
        ),
        (global.hex, "--hex is for plaintext; `tshark -x -r FILE` shows packets so"),
        (global.tsize > 0, "-t cuts calls of plaintext; packets and keys are written whole"),
        (
            tls.on_overload != OnOverload::Gap || tls.keep_bytes.is_some(),
            "--on-overload is for plaintext; packets and keys that find no room are counted",
        ),
        (
            !tls.port.is_empty() || !tls.net.is_empty(),
            "--port and --net choose connections of plaintext; packets have a filter, such as \
             `tcp port 443` or `net 10.0.0.0/8`",
        ),
        (
            tls.max_cpu.is_some(),
            "--max-cpu is for plaintext; a packet filter makes less of packets",
        ),
        (tls.sample.is_some(), "--sample takes connections of plaintext, and no packets"),
        (tls.summary, "--summary is for messages; `tshark -r FILE` lists packets"),
        (tls.raw, "--raw is for plaintext; packets and keys are always as they came"),
        (tls.max_body.is_some(), "--max-body is for messages; packets are written whole"),
        (
            !tls.proto_descriptor.is_empty(),
            "--proto-descriptor is for messages; Wireshark has a setting of its own for .proto files",
        ),
        (
            tls.shown.is_typed(),
            "--where, --redact and their kin are for messages; packets are written whole",
        ),
    ]
}
