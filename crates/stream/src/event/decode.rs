//! From the bytes of a record to an [`Event`]. Every length is checked before it is used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::{AddrSource, Dir, Head, Kind};

use super::{Close, Conn, Data, Event, Gap, Rest};
use crate::reason::GapReason;

/// Why a record could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends before its fixed part does.
    #[error("a record of {have} bytes where {need} are needed")]
    Short {
        /// Bytes that its kind needs.
        need: usize,
        /// Bytes that there are.
        have: usize,
    },
    /// It announces more payload than it holds, or than it says it moved.
    #[error("a record that announces {declared} bytes and holds {have}")]
    Length {
        /// What the record announces.
        declared: u64,
        /// What is there.
        have: u64,
    },
    /// Its kind is not in the contract.
    #[error("a record of unknown kind {0}")]
    UnknownKind(u8),
    /// Its direction is not in the contract.
    #[error("a record of unknown direction {0}")]
    UnknownDirection(u8),
    /// It gives no reason for a gap, or one that is not in the contract.
    #[error("a gap for unknown reason {0}")]
    UnknownReason(u8),
    /// Its address family is not in the contract.
    #[error("addresses of unknown family {0}")]
    UnknownFamily(u8),
    /// Its address source is not in the contract.
    #[error("addresses from unknown source {0}")]
    UnknownSource(u8),
}

impl<'a> Event<'a> {
    /// Reads a record. The ring rounds records up, so bytes past the content are ignored.
    #[inline]
    pub fn decode(record: &'a [u8]) -> Result<Self, DecodeError> {
        let head = fixed(record, Head::SIZE, Head::from_bytes)?;
        match Kind::from_u8(head.kind).ok_or(DecodeError::UnknownKind(head.kind))? {
            Kind::Data => Data::decode(record).map(Self::Data),
            Kind::Gap => Gap::decode(record).map(Self::Gap),
            Kind::Rest => Rest::decode(record).map(Self::Rest),
            Kind::Conn => Conn::decode(record).map(Self::Conn),
            Kind::Close => Close::decode(record).map(Self::Close),
            Kind::Exec => Ok(Self::Exec(head)),
            Kind::Exit => Ok(Self::Exit(head)),
            // About sockets and keys, not about the bytes of a connection.
            Kind::Flow | Kind::Secret | Kind::Shake | Kind::Line => {
                Err(DecodeError::UnknownKind(head.kind))
            }
        }
    }
}

impl<'a> Data<'a> {
    fn decode(record: &'a [u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Data::SIZE, abi::Data::from_bytes)?;
        let (declared, have) = (raw.head.len, record.len() - abi::Data::SIZE);
        let bytes = record[abi::Data::SIZE..]
            .get(..declared as usize)
            .ok_or(DecodeError::Length { declared: declared.into(), have: have as u64 })?;
        if raw.moved != u64::from(declared) {
            return Err(DecodeError::Length { declared: raw.moved, have: declared.into() });
        }
        Ok(Self {
            head: raw.head,
            dir: direction(&raw.head)?,
            pos: raw.pos,
            call_len: raw.call_len,
            call_off: raw.call_off,
            bytes,
        })
    }
}

impl Gap {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Data::SIZE, abi::Data::from_bytes)?;
        Ok(Self {
            head: raw.head,
            dir: direction(&raw.head)?,
            pos: raw.pos,
            len: raw.moved,
            call_len: raw.call_len,
            call_off: raw.call_off,
            reason: reason(&raw.head)?,
        })
    }
}

impl Rest {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Rest::SIZE, abi::Rest::from_bytes)?;
        let (keep, data) = (raw.keep, raw.data);
        if keep > data.moved {
            return Err(DecodeError::Length { declared: keep, have: data.moved });
        }
        Ok(Self {
            head: data.head,
            dir: direction(&data.head)?,
            pos: data.pos,
            len: data.moved,
            keep,
            address: raw.buf,
            call_len: data.call_len,
            call_off: data.call_off,
            reason: reason(&data.head)?,
        })
    }
}

impl Conn {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Conn::SIZE, abi::Conn::from_bytes)?;
        let source = AddrSource::from_u8(raw.source);
        Ok(Self {
            head: raw.head,
            cgroup: raw.cgroup,
            addresses: addresses(&raw)?,
            source: source.ok_or(DecodeError::UnknownSource(raw.source))?,
        })
    }
}

impl Close {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Close::SIZE, abi::Close::from_bytes)?;
        Ok(Self { head: raw.head, pos: raw.pos })
    }
}

fn fixed<T>(
    record: &[u8],
    need: usize,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, DecodeError> {
    read(record).ok_or(DecodeError::Short { need, have: record.len() })
}

fn direction(head: &Head) -> Result<Dir, DecodeError> {
    Dir::from_u8(head.dir).ok_or(DecodeError::UnknownDirection(head.dir))
}

fn reason(head: &Head) -> Result<GapReason, DecodeError> {
    GapReason::from_record(head.reason).ok_or(DecodeError::UnknownReason(head.reason))
}

fn addresses(raw: &abi::Conn) -> Result<Option<(SocketAddr, SocketAddr)>, DecodeError> {
    let (local, remote) = match raw.family {
        0 => return Ok(None),
        4 => (v4(raw.local), v4(raw.remote)),
        6 => (v6(raw.local), v6(raw.remote)),
        other => return Err(DecodeError::UnknownFamily(other)),
    };
    let local = SocketAddr::new(local, raw.local_port);
    Ok(Some((local, SocketAddr::new(remote, raw.remote_port))))
}

fn v4([a, b, c, d, ..]: [u8; 16]) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

/// An IPv4 peer of an IPv6 socket is shown as what it is.
fn v6(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}
