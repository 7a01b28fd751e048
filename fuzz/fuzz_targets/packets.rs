//! Any bytes as packets: through the headers, the ClientHello and the flows.
//!
//! The first byte says what the rest is. 0: whole packets, each with its length before it as 16
//! bits. 1 and 2: payloads, likewise, that both ends of one connection send in turn, of TCP and of
//! UDP. Nothing may panic, every packet must be decided, and a name must be one that a file of host
//! names could hold.
#![no_main]
#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use packet::{Flows, Key, Limits, Link, Output, Packet, Whose, sight};

fuzz_target!(|input: &[u8]| {
    let Some((kind, mut rest)) = input.split_first() else { return };
    // So small that flows are forgotten and packets give up.
    let limits = Limits { flows: 4, wait_bytes: 4096, flow_bytes: 2048, ..Limits::default() };
    let mut flows = Flows::new(limits, kind & 0x80 != 0);
    let (mut out, mut time_ns) = (Written::default(), 0u64);
    while let Some((len, after)) = rest.split_first_chunk() {
        let (bytes, after) = after.split_at(usize::from(u16::from_be_bytes(*len)).min(after.len()));
        rest = after;
        let made = match kind & 3 {
            0 => bytes.to_vec(),
            1 => packet(6, &[5 << 4, 0x18], out.sent, bytes),
            _ => packet(17, &[], out.sent, bytes),
        };
        time_ns += 50_000_000;
        let packet = Packet { time_ns, len: made.len() as u32, bytes: &made };
        flows.packet(packet, sight(Link::RAW, packet.bytes).as_ref(), &mut out);
        flows.expire(time_ns, &mut out);
        out.sent += 1;
    }
    flows.finish(&mut out);
    let totals = flows.totals();
    let decided = totals.written + totals.others + totals.undecided;
    // Datagrams that passed as one packet are several by then.
    assert!(
        decided == out.sent || (kind & 3 != 1 && decided > out.sent),
        "{decided} of {}",
        out.sent
    );
    assert_eq!(totals.written, out.written);
    assert!(totals.keyless <= totals.connections);
});

/// IPv4 without a checksum, and what lies above.
fn packet(protocol: u8, tcp: &[u8], number: u64, payload: &[u8]) -> Vec<u8> {
    let ends = [([10, 0, 0, 1], 40_000u16), ([10, 0, 0, 2], 443)];
    let (from, to) = if number % 2 == 0 { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let above = if tcp.is_empty() { 8 } else { 20 };
    let payload = &payload[..payload.len().min(60_000)];
    let total = (20 + above + payload.len()) as u16;
    let mut bytes = vec![0; 20 + above];
    bytes[0] = 0x45;
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
    (bytes[8], bytes[9]) = (64, protocol);
    bytes[12..16].copy_from_slice(&from.0);
    bytes[16..20].copy_from_slice(&to.0);
    bytes[20..22].copy_from_slice(&from.1.to_be_bytes());
    bytes[22..24].copy_from_slice(&to.1.to_be_bytes());
    match tcp {
        [] => bytes[24..26].copy_from_slice(&(total - 20).to_be_bytes()),
        head => bytes[32..32 + head.len()].copy_from_slice(head),
    }
    bytes.extend(payload);
    bytes
}

#[derive(Default)]
struct Written {
    sent: u64,
    written: u64,
}

impl Output for Written {
    fn packet(&mut self, _: Packet<'_>, whose: Whose<'_>) {
        self.written += 1;
        assert_eq!(whose.iter().count(), 0, "nobody claimed anything");
    }

    fn key(&mut self, _: &Arc<Key>) {
        panic!("a key from nowhere");
    }

    fn name(&mut self, _: IpAddr, name: &str) {
        assert!(!name.is_empty() && name.len() <= 253, "{name:?}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name:?}");
    }

    fn page(&self) -> u64 {
        self.written / 3
    }
}
