//! The addresses of a synthetic stream.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use stream::{Conn, Dir};

use crate::address;

/// Addresses that open streams of one file have, shared by those who write to it. When both ends
/// of a connection are captured, the second one must not be mixed up with the first.
#[derive(Debug, Clone, Default)]
pub struct Taken(Arc<Mutex<HashSet<Pair>>>);

type Pair = (SocketAddr, SocketAddr);

/// The two ends.
#[derive(Debug)]
pub(super) struct Ends {
    local: SocketAddr,
    remote: SocketAddr,
    /// Who opened the connection, as far as can be told: the direction that its bytes go.
    client: Dir,
    why: Why,
    remark: Option<String>,
}

/// Whether the addresses are true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    True,
    /// Made up; the true ones are those of another stream.
    Taken,
    /// Made up; the true ones are not known, or were not at first.
    Unknown,
}

/// Below are the ports that systems choose for clients.
const EPHEMERAL: u16 = 32_768;

impl Ends {
    /// Those of a connection whose first bytes go this way.
    pub(super) fn of(conn: &Conn, first: Dir, taken: &Taken) -> Self {
        let Some((local, remote)) = conn.local.zip(conn.remote) else {
            let remark = "the addresses are not known, these are made up".to_owned();
            return Self::made_up(conn.id, first, Why::Unknown, remark);
        };
        let client = match (local.port() < EPHEMERAL, remote.port() < EPHEMERAL) {
            (false, true) => Dir::Write,
            (true, false) => Dir::Read,
            // Clients speak first in most protocols.
            _ => first,
        };
        if taken.take((local, remote)) {
            return Self { local, remote, client, why: Why::True, remark: None };
        }
        let [local, remote] = [local, remote].map(shown);
        let remark = format!(
            "the addresses are made up: the true ones, {local} and {remote}, are those of another \
             stream, such as the connection's other end"
        );
        Self::made_up(conn.id, client, Why::Taken, remark)
    }

    /// In the network that is set aside for documentation (RFC 3849), by the connection's number.
    fn made_up(id: u64, client: Dir, why: Why, remark: String) -> Self {
        let end = |number: u16, port: u16| {
            let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (id >> shift) as u16);
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, number, a, b, c, d);
            SocketAddr::new(IpAddr::V6(ip), port)
        };
        Self { local: end(1, 50_001), remote: end(2, 50_002), client, why, remark: Some(remark) }
    }

    /// Who sends the bytes that go this way.
    pub(super) fn sender(&self, dir: Dir) -> SocketAddr {
        match dir {
            Dir::Write => self.local,
            Dir::Read => self.remote,
        }
    }

    /// Who receives them.
    pub(super) fn receiver(&self, dir: Dir) -> SocketAddr {
        match dir {
            Dir::Write => self.remote,
            Dir::Read => self.local,
        }
    }

    /// Who opened the connection.
    pub(super) fn client(&self) -> Dir {
        self.client
    }

    /// What is to be known of them.
    pub(super) fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Takes note of addresses that became known late; says so once.
    pub(super) fn learn(&mut self, conn: &Conn) -> Option<String> {
        if self.why != Why::Unknown {
            return None;
        }
        let (local, remote) = conn.local.zip(conn.remote)?;
        self.why = Why::Taken;
        Some(format!("the true addresses are {} and {}", shown(local), shown(remote)))
    }

    /// They may be another stream's from now on.
    pub(super) fn release(&self, taken: &Taken) {
        if self.why == Why::True {
            taken.release((self.local, self.remote));
        }
    }
}

impl Taken {
    /// Whether nobody had these.
    fn take(&self, pair: Pair) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sorted(pair))
    }

    fn release(&self, pair: Pair) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sorted(pair));
    }
}

fn sorted((one, other): Pair) -> Pair {
    (one.min(other), one.max(other))
}

fn shown(address: SocketAddr) -> String {
    let mut out = Vec::new();
    address::push(&mut out, address);
    String::from_utf8_lossy(&out).into_owned()
}
