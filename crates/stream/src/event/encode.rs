//! From an [`Event`] back to a record: for recordings that are replayed, and for tests.

use std::net::{IpAddr, SocketAddr};

use abi::{Head, Kind};

use super::{Close, Conn, Data, Event, Gap, Rest};
use crate::reason::GapReason;

impl Event<'_> {
    /// Appends the record that [`decode`](Self::decode) reads back as this event.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Data(data) => data.encode(out),
            Self::Gap(gap) => gap.encode(out),
            Self::Rest(rest) => rest.encode(out),
            Self::Conn(conn) => conn.encode(out),
            Self::Close(Close { head, pos }) => {
                let head = Head { kind: Kind::Close as u8, ..*head };
                out.extend_from_slice(&abi::Close { head, pos: *pos }.to_bytes());
            }
            Self::Exec(head) => {
                out.extend_from_slice(&Head { kind: Kind::Exec as u8, ..*head }.to_bytes());
            }
            Self::Exit(head) => {
                out.extend_from_slice(&Head { kind: Kind::Exit as u8, ..*head }.to_bytes());
            }
        }
    }
}

impl Data<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let head = Head {
            kind: Kind::Data as u8,
            dir: self.dir as u8,
            len: self.bytes.len() as u32,
            ..self.head
        };
        let (pos, moved) = (self.pos, self.bytes.len() as u64);
        let (call_len, call_off) = (self.call_len, self.call_off);
        out.extend_from_slice(&abi::Data { head, pos, moved, call_len, call_off }.to_bytes());
        out.extend_from_slice(self.bytes);
    }
}

impl Gap {
    fn encode(&self, out: &mut Vec<u8>) {
        let head = Head {
            kind: Kind::Gap as u8,
            dir: self.dir as u8,
            reason: code(self.reason),
            len: 0,
            ..self.head
        };
        let (pos, moved) = (self.pos, self.len);
        let (call_len, call_off) = (self.call_len, self.call_off);
        out.extend_from_slice(&abi::Data { head, pos, moved, call_len, call_off }.to_bytes());
    }
}

impl Rest {
    fn encode(&self, out: &mut Vec<u8>) {
        let head = Head {
            kind: Kind::Rest as u8,
            dir: self.dir as u8,
            reason: code(self.reason),
            len: 0,
            ..self.head
        };
        let (pos, moved) = (self.pos, self.len);
        let (call_len, call_off) = (self.call_len, self.call_off);
        let data = abi::Data { head, pos, moved, call_len, call_off };
        let rest = abi::Rest { data, buf: self.address, keep: self.keep };
        out.extend_from_slice(&rest.to_bytes());
    }
}

fn code(reason: GapReason) -> u8 {
    let reason = match reason {
        GapReason::Unreadable => abi::Reason::Unreadable,
        GapReason::Cap => abi::Reason::Cap,
        GapReason::NoBuffer => abi::Reason::NoBuffer,
        GapReason::TooLong => abi::Reason::TooLong,
        GapReason::RingFull => abi::Reason::RingFull,
        GapReason::Overload => abi::Reason::Overload,
        GapReason::UnknownAddress => abi::Reason::UnknownAddress,
    };
    reason as u8
}

impl Conn {
    fn encode(&self, out: &mut Vec<u8>) {
        let head = Head { kind: Kind::Conn as u8, len: 0, ..self.head };
        let (cgroup, source) = (self.cgroup, self.source as u8);
        let mut raw = abi::Conn { head, cgroup, source, ..abi::Conn::default() };
        if let Some((local, remote)) = self.addresses {
            let v4 = local.is_ipv4() && remote.is_ipv4();
            let octets = |address: SocketAddr| match address.ip() {
                IpAddr::V4(ip) if v4 => {
                    let mut octets = [0; 16];
                    octets[..4].copy_from_slice(&ip.octets());
                    octets
                }
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            raw.family = if v4 { 4 } else { 6 };
            (raw.local, raw.local_port) = (octets(local), local.port());
            (raw.remote, raw.remote_port) = (octets(remote), remote.port());
        }
        out.extend_from_slice(&raw.to_bytes());
    }
}
