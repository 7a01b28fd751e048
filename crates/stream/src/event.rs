//! One record of the kernel ring, decoded without copying its payload.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::{AddrSource, Dir, Head, Kind};

use crate::reason::GapReason;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes moved, and here they are.
    Data(Data<'a>),
    /// Bytes moved that are not shown.
    Gap(Gap),
    /// A connection was seen first, or its addresses became known.
    Conn(Conn),
    /// The library freed the connection.
    Close(Close),
    /// The process replaced its program.
    Exec(Head),
    /// The process ended.
    Exit(Head),
}

/// Bytes that a call moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// Who and when.
    pub head: Head,
    /// Which way.
    pub dir: Dir,
    /// Bytes that this direction moved before.
    pub pos: u64,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call these bytes begin.
    pub call_off: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Bytes that a call moved and that are not in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Who and when.
    pub head: Head,
    /// Which way.
    pub dir: Dir,
    /// Bytes that this direction moved before.
    pub pos: u64,
    /// How many bytes are missing.
    pub len: u64,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call the missing bytes begin.
    pub call_off: u64,
    /// Why they are missing.
    pub reason: GapReason,
}

/// What is known about a connection's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conn {
    /// Who and when.
    pub head: Head,
    /// The process's control group.
    pub cgroup: u64,
    /// Local and remote address, if known.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// How they were found.
    pub source: AddrSource,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Who and when.
    pub head: Head,
    /// Bytes moved in all, by [`Dir`].
    pub pos: [u64; 2],
}

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
            Kind::Conn => Conn::decode(record).map(Self::Conn),
            Kind::Close => Close::decode(record).map(Self::Close),
            Kind::Exec => Ok(Self::Exec(head)),
            Kind::Exit => Ok(Self::Exit(head)),
        }
    }

    /// Who and when.
    pub fn head(&self) -> &Head {
        match self {
            Self::Data(data) => &data.head,
            Self::Gap(gap) => &gap.head,
            Self::Conn(conn) => &conn.head,
            Self::Close(close) => &close.head,
            Self::Exec(head) | Self::Exit(head) => head,
        }
    }

    /// Appends the record that [`decode`](Self::decode) reads back as this event.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Data(data) => data.encode(out),
            Self::Gap(gap) => gap.encode(out),
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

    /// Whether the bytes stayed in the library's buffer.
    pub fn is_peek(&self) -> bool {
        is_peek(&self.head)
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
            reason: GapReason::from_record(raw.head.reason)
                .ok_or(DecodeError::UnknownReason(raw.head.reason))?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let reason = match self.reason {
            GapReason::Unreadable => abi::Reason::Unreadable,
            GapReason::Cap => abi::Reason::Cap,
            GapReason::NoBuffer => abi::Reason::NoBuffer,
            GapReason::TooLong => abi::Reason::TooLong,
            GapReason::RingFull => abi::Reason::RingFull,
        };
        let head = Head {
            kind: Kind::Gap as u8,
            dir: self.dir as u8,
            reason: reason as u8,
            len: 0,
            ..self.head
        };
        let (pos, moved) = (self.pos, self.len);
        let (call_len, call_off) = (self.call_len, self.call_off);
        out.extend_from_slice(&abi::Data { head, pos, moved, call_len, call_off }.to_bytes());
    }

    /// Whether the bytes stayed in the library's buffer.
    pub fn is_peek(&self) -> bool {
        is_peek(&self.head)
    }
}

impl Conn {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Conn::SIZE, abi::Conn::from_bytes)?;
        let address: fn([u8; 16]) -> IpAddr = match raw.family {
            0 => |_| Ipv4Addr::UNSPECIFIED.into(),
            4 => |[a, b, c, d, ..]| Ipv4Addr::new(a, b, c, d).into(),
            // An IPv4 peer of an IPv6 socket is shown as what it is.
            6 => |octets| Ipv6Addr::from(octets).to_canonical(),
            other => return Err(DecodeError::UnknownFamily(other)),
        };
        let local = SocketAddr::new(address(raw.local), raw.local_port);
        let remote = SocketAddr::new(address(raw.remote), raw.remote_port);
        Ok(Self {
            head: raw.head,
            cgroup: raw.cgroup,
            addresses: (raw.family != 0).then_some((local, remote)),
            source: AddrSource::from_u8(raw.source)
                .ok_or(DecodeError::UnknownSource(raw.source))?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let head = Head { kind: Kind::Conn as u8, len: 0, ..self.head };
        let (cgroup, source) = (self.cgroup, self.source as u8);
        let mut raw = abi::Conn { head, cgroup, source, ..abi::Conn::default() };
        if let Some((local, remote)) = self.addresses {
            let octets = |address: SocketAddr| match address.ip() {
                IpAddr::V4(v4) => {
                    let mut octets = [0; 16];
                    octets[..4].copy_from_slice(&v4.octets());
                    octets
                }
                IpAddr::V6(v6) => v6.octets(),
            };
            raw.family = if local.is_ipv4() { 4 } else { 6 };
            (raw.local, raw.local_port) = (octets(local), local.port());
            (raw.remote, raw.remote_port) = (octets(remote), remote.port());
        }
        out.extend_from_slice(&raw.to_bytes());
    }
}

impl Close {
    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = fixed(record, abi::Close::SIZE, abi::Close::from_bytes)?;
        Ok(Self { head: raw.head, pos: raw.pos })
    }
}

/// A thread's name, as the kernel keeps it: bytes up to the first NUL.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Comm([u8; 16]);

impl Comm {
    /// The name's bytes; not necessarily UTF-8, and chosen by the traced program.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        &self.0[..end]
    }
}

impl From<[u8; 16]> for Comm {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Comm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
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

fn is_peek(head: &Head) -> bool {
    head.flags & abi::ROW_PEEK != 0
}
