//! Tests that need root, by what they are about.

mod astray;
mod chosen;
mod combined;
mod decrypted;
mod earlier;
mod ended;
mod extcap;
mod interfaces;
mod kinds;
mod plaintext;
mod quic;
mod refused;
mod rotated;
mod strangers;

use ::live::{Nginx, Process};

use crate::packets::Capture;

pub(super) const ENDS: [&str; 2] = ["tcp.srcport", "tcp.dstport"];

/// Checks that the file holds one connection between two ports, all of it.
#[track_caller]
pub(super) fn is_one_connection(file: &Capture, client: u16, server: u16) {
    let (client, server) = (client.to_string(), server.to_string());
    let rows = file.fields(ENDS, "frame");
    assert!(rows.len() >= 10, "{} packets", rows.len());
    for [from, to] in &rows {
        let ends = [from.as_str(), to.as_str()];
        assert!(ends == [&client, &server] || ends == [&server, &client], "{ends:?}");
    }
    let kinds = |kind: &str| {
        let filter = format!("tls.handshake.type == {kind}");
        file.fields(ENDS, &filter).into_iter().map(|[from, _]| from).collect::<Vec<_>>()
    };
    assert_eq!((kinds("1"), kinds("2")), (vec![client.clone()], vec![server.clone()]));
    let opening = file.fields(["frame.number"], "tcp.flags.syn == 1");
    assert_eq!(opening, [["1".to_owned()], ["2".to_owned()]], "it begins with its opening");
    // A FIN may be sent again.
    let mut closed = file.fields(["tcp.srcport"], "tcp.flags.fin == 1");
    closed.sort();
    closed.dedup();
    assert_eq!(closed.len(), 2, "ends that close: {closed:?}");
    let gaps = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
    assert_eq!(file.fields(["frame.number"], gaps).len(), 0, "packets are missing");
}

/// As digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes without a pattern, so many that a page takes several records.
pub(super) fn page(len: u64, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// curl fetches a page.
#[track_caller]
pub(super) fn fetch(nginx: &Nginx, file: &str, args: &[&str]) {
    let mut command = live::curl(&nginx.cert());
    command.args(args).args(["--output", "/dev/null"]).arg(nginx.url(file));
    Process::start(command).finish().success();
}
