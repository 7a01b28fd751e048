//! A process uses a socket: what the kernel half tells of it.

use std::sync::Arc;

use crate::flow::{End, Protocol};

/// A process that packets belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// Its name, as bytes that it chose itself.
    pub comm: Vec<u8>,
    /// The program it runs, if that is known; bytes that a stranger may have chosen.
    pub exe: Option<Vec<u8>>,
    /// The container it runs in, if that is known; bytes as good as those.
    pub container: Option<Vec<u8>>,
}

/// A process's use of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// When it was seen: CLOCK_BOOTTIME as it comes from the kernel half, CLOCK_REALTIME for
    /// [`crate::Flows`].
    pub time_ns: u64,
    /// Tells sockets at the same address apart: a later one has a higher number. 0 for a socket
    /// that was found, and not seen at work.
    pub socket: u64,
    /// What the socket speaks.
    pub protocol: Protocol,
    /// The process's own end.
    pub local: End,
    /// The other end; `None` for a UDP socket that talks to many.
    pub remote: Option<End>,
    /// Whether the user asked for this process.
    pub wanted: bool,
    /// Whether other sockets may stand at the same address, by intent.
    pub shares_port: bool,
    /// The inode of the network namespace that the socket is in.
    pub netns: u32,
    /// The process.
    pub owner: Arc<Owner>,
}

/// Why a record is no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It ends too early.
    #[error("a record of {0} bytes is no claim on a socket")]
    Short(usize),
    /// It is about something else.
    #[error("a record of kind {0} is no claim on a socket")]
    Kind(u8),
    /// Its socket speaks something unknown.
    #[error("a socket of family {family} and protocol {protocol}")]
    Socket {
        /// The address family as the record has it.
        family: u8,
        /// The protocol's number.
        protocol: u8,
    },
}

impl Claim {
    /// Reads a record. `None` for sockets that carry no packets of their own, such as listening
    /// ones. `place` is asked for the
    /// program and the container of a process that is worth a claim.
    pub fn decode(
        record: &[u8],
        place: impl FnOnce(u32) -> [Option<Vec<u8>>; 2],
    ) -> Result<Option<Self>, ClaimError> {
        let raw = abi::Flow::from_bytes(record).ok_or(ClaimError::Short(record.len()))?;
        if raw.head.kind != abi::Kind::Flow as u8 {
            return Err(ClaimError::Kind(raw.head.kind));
        }
        let unknown = ClaimError::Socket { family: raw.family, protocol: raw.protocol };
        let protocol = Protocol::from_number(raw.protocol).ok_or(unknown)?;
        let local = end(raw.family, raw.local, raw.local_port).ok_or(unknown)?;
        let remote = end(raw.family, raw.remote, raw.remote_port).ok_or(unknown)?;
        let connected = remote.port() != 0;
        if local.port() == 0 || (!connected && protocol == Protocol::Tcp) {
            return Ok(None);
        }
        let comm = raw.head.comm.split(|&byte| byte == 0).next().unwrap_or_default();
        let pid = raw.head.tgid;
        let [exe, container] = place(pid);
        Ok(Some(Self {
            time_ns: raw.head.time_ns,
            socket: raw.head.born_ns,
            protocol,
            local,
            remote: connected.then_some(remote),
            wanted: raw.wanted != 0,
            shares_port: raw.reuseport != 0,
            netns: raw.netns,
            owner: Arc::new(Owner { pid, comm: comm.to_vec(), exe, container }),
        }))
    }

    /// Whether its packets can pass an interface of this network namespace. "Loopback" and "all
    /// addresses" mean something else in each.
    pub fn concerns(&self, netns: u32) -> bool {
        self.netns == netns || !(self.local.is_loopback() || self.local.is_anywhere())
    }
}

fn end(family: u8, address: [u8; 16], port: u16) -> Option<End> {
    match family {
        4 => Some(End::v4([address[0], address[1], address[2], address[3]], port)),
        6 => Some(End::v6(address, port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> abi::Flow {
        let mut raw = abi::Flow { local_port: 40_000, remote_port: 443, ..abi::Flow::default() };
        raw.head.kind = abi::Kind::Flow as u8;
        raw.head.comm[..4].copy_from_slice(b"curl");
        raw.head.tgid = 7;
        (raw.family, raw.protocol, raw.wanted) = (4, 6, 1);
        raw.local[..4].copy_from_slice(&[127, 0, 0, 1]);
        raw.remote[..4].copy_from_slice(&[9; 4]);
        raw
    }

    fn decode(raw: abi::Flow) -> Result<Option<Claim>, ClaimError> {
        let exe = |pid| (pid == 7).then(|| b"/bin/curl".to_vec());
        Claim::decode(&raw.to_bytes(), |pid| [exe(pid), Some(b"web".to_vec())])
    }

    #[test]
    fn a_record_says_who_and_where() {
        let claim = decode(raw()).unwrap().unwrap();
        assert_eq!(claim.local, End::v4([127, 0, 0, 1], 40_000));
        assert_eq!(claim.remote, Some(End::v4([9; 4], 443)));
        assert!(claim.wanted && !claim.shares_port);
        assert_eq!((claim.owner.pid, claim.owner.comm.as_slice()), (7, b"curl".as_slice()));
        assert_eq!(claim.owner.exe.as_deref(), Some(b"/bin/curl".as_slice()));
        assert_eq!(claim.owner.container.as_deref(), Some(b"web".as_slice()));
        assert!(claim.concerns(claim.netns) && !claim.concerns(claim.netns + 1));
    }

    #[test]
    fn listening_sockets_claim_nothing_and_open_datagram_sockets_their_port() {
        let open = abi::Flow { remote_port: 0, remote: [0; 16], ..raw() };
        assert_eq!(decode(open), Ok(None));
        let claim = decode(abi::Flow { protocol: 17, ..open }).unwrap().unwrap();
        assert_eq!((claim.remote, claim.protocol), (None, Protocol::Udp));
        assert_eq!(decode(abi::Flow { local_port: 0, ..raw() }), Ok(None));
    }

    #[test]
    fn odd_records_are_refused() {
        assert_eq!(Claim::decode(&[0; 9], |_| [None, None]), Err(ClaimError::Short(9)));
        let mut other = raw();
        other.head.kind = abi::Kind::Exit as u8;
        assert_eq!(decode(other), Err(ClaimError::Kind(6)));
        for odd in [abi::Flow { family: 5, ..raw() }, abi::Flow { protocol: 1, ..raw() }] {
            let (family, protocol) = (odd.family, odd.protocol);
            assert_eq!(decode(odd), Err(ClaimError::Socket { family, protocol }));
        }
    }
}
