//! From the bytes of a record to a key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::{Head, Kind, Label, SecretSource};

/// A key of a connection, as one line of a key log has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// Who and when: `time_ns` is CLOCK_BOOTTIME, `conn` the library's connection pointer, `file`
    /// the file that the library is in.
    pub head: Head,
    /// What the key is for.
    pub label: Label,
    /// The connection's name: the random of its ClientHello.
    pub client_random: [u8; abi::RANDOM],
    /// Where the key was read.
    pub source: SecretSource,
    /// The socket that the thread used last before, if it was noted.
    pub socket: Option<Socket>,
    bytes: [u8; abi::SECRET],
    len: u8,
}

/// A socket that a thread used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// The same number as in the socket's flow record.
    pub born_ns: u64,
    /// When the thread used it, CLOCK_BOOTTIME.
    pub used_ns: u64,
    /// The network namespace's inode.
    pub netns: u32,
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    pub protocol: u8,
    /// The process's own end.
    pub local: SocketAddr,
    /// The other end; its port is 0 if the socket is not connected.
    pub remote: SocketAddr,
}

/// Why a record is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends too early.
    #[error("a record of {0} bytes is no key")]
    Short(usize),
    /// It is about something else.
    #[error("a record of kind {0} is no key")]
    Kind(u8),
    /// Its label is not in the contract.
    #[error("a key with unknown label {0}")]
    Label(u8),
    /// No key with this label is so long.
    #[error("a {} of {len} bytes", label.text())]
    Length {
        /// The label.
        label: Label,
        /// Bytes of the key.
        len: u8,
    },
    /// Where it was read is not in the contract.
    #[error("a key from unknown source {0}")]
    Source(u8),
    /// Its socket is of an address family that is not in the contract.
    #[error("a key with a socket of unknown family {0}")]
    Family(u8),
    /// All its bytes are zero, or those of the client_random: memory that was never filled in.
    #[error("a {} without content", .0.text())]
    Empty(Label),
}

/// Whether a record is about a key, for who takes records of many kinds.
#[inline]
pub fn is_secret(record: &[u8]) -> bool {
    Head::from_bytes(record).is_some_and(|head| head.kind == Kind::Secret as u8)
}

impl Secret {
    /// Reads a record. The ring rounds records up, so bytes past the content are ignored.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let raw = abi::Secret::from_bytes(record).ok_or(DecodeError::Short(record.len()))?;
        if raw.head.kind != Kind::Secret as u8 {
            return Err(DecodeError::Kind(raw.head.kind));
        }
        let label = Label::from_u8(raw.label).ok_or(DecodeError::Label(raw.label))?;
        let len = raw.secret_len;
        let secret = raw.secret.get(..usize::from(len)).filter(|_| label.allows(len.into()));
        let secret = secret.ok_or(DecodeError::Length { label, len })?;
        if is_zero(secret) || is_zero(&raw.client_random) {
            return Err(DecodeError::Empty(label));
        }
        // What the kernel half left behind the secret is not part of it.
        let mut bytes = [0; abi::SECRET];
        bytes[..secret.len()].copy_from_slice(secret);
        Ok(Self {
            head: raw.head,
            label,
            client_random: raw.client_random,
            source: SecretSource::from_u8(raw.source).ok_or(DecodeError::Source(raw.source))?,
            socket: socket(&raw)?,
            bytes,
            len,
        })
    }

    /// The key itself: 32 or 48 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The key's bytes stay out of logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("head", &self.head)
            .field("label", &self.label)
            .field("len", &self.len)
            .field("source", &self.source)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// How an address of this family is kept in a record.
pub(crate) fn address_of(family: u8) -> Option<fn([u8; 16]) -> IpAddr> {
    match family {
        4 => Some(|[a, b, c, d, ..]| Ipv4Addr::new(a, b, c, d).into()),
        // An IPv4 peer of an IPv6 socket is what its packets say.
        6 => Some(|octets| Ipv6Addr::from(octets).to_canonical()),
        _ => None,
    }
}

fn socket(raw: &abi::Secret) -> Result<Option<Socket>, DecodeError> {
    if raw.family == 0 {
        return Ok(None);
    }
    let address = address_of(raw.family).ok_or(DecodeError::Family(raw.family))?;
    Ok(Some(Socket {
        born_ns: raw.socket_born_ns,
        used_ns: raw.socket_used_ns,
        netns: raw.netns,
        protocol: raw.protocol,
        local: SocketAddr::new(address(raw.local), raw.local_port),
        remote: SocketAddr::new(address(raw.remote), raw.remote_port),
    }))
}
