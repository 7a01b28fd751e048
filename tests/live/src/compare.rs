//! What programs say they moved, against what ecapture shows, and against each other.

use crate::{
    recording::{Conn, Recording, Stream},
    victim::{Moved, Sum},
};

/// What is asked of the addresses that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// They are shown, and right.
    Known,
    /// They are shown and right, or not shown: the library never sees the socket.
    RightOrUnknown,
}

/// A connection with its digests, which are worth computing once only.
struct Shown<'a> {
    conn: &'a Conn,
    read: Sum,
    write: Sum,
}

impl<'a> From<&'a Conn> for Shown<'a> {
    fn from(conn: &'a Conn) -> Self {
        Self { conn, read: sum(&conn.read), write: sum(&conn.write) }
    }
}

/// Checks that every connection of the programs is shown, whole and with nothing else, byte for
/// byte, and with no wrong address.
#[track_caller]
pub fn assert_shown(recording: &Recording, moved: &[Moved], addresses: Addresses) {
    let used: Vec<&Moved> = moved.iter().filter(|m| m.read.len + m.write.len > 0).collect();
    assert!(!used.is_empty(), "no program moved anything");
    let mut pids: Vec<u32> = moved.iter().map(|m| m.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    let conns = pids.iter().flat_map(|&pid| recording.of_pid(pid));
    let mut shown: Vec<Shown<'_>> = conns.map(Shown::from).collect();
    for expected in used {
        let same = |shown: &Shown<'_>| {
            shown.conn.pid == expected.pid
                && shown.read == expected.read
                && shown.write == expected.write
        };
        let Some(at) = shown.iter().position(same) else {
            panic!("not shown: {expected:?}\nof what is left:{}", list(&shown));
        };
        let conn = shown.swap_remove(at).conn;
        conn.assert_whole();
        assert_addresses(conn, expected, addresses);
    }
    assert!(shown.is_empty(), "no program moved this:{}", list(&shown));
}

/// Checks that what every client sent is what its server got, and the other way round: that the
/// programs are to be trusted.
#[track_caller]
pub fn assert_same(moved: &[Moved]) {
    let ends = |role: &str| moved.iter().filter(move |m| m.role == role).collect::<Vec<_>>();
    let (clients, mut servers) = (ends("client"), ends("server"));
    assert!(!clients.is_empty(), "no client reported");
    for client in clients {
        let other_end = |s: &&Moved| s.read == client.write && s.write == client.read;
        let at = servers.iter().position(other_end);
        servers.remove(at.unwrap_or_else(|| panic!("no server met {client:?}")));
    }
    assert!(servers.is_empty(), "no client met {servers:?}");
}

#[track_caller]
fn assert_addresses(conn: &Conn, expected: &Moved, addresses: Addresses) {
    let shown = (plain(&conn.local), plain(&conn.remote));
    if addresses == Addresses::RightOrUnknown && shown == (None, None) {
        return;
    }
    assert_eq!(
        shown,
        (plain(&expected.local), plain(&expected.remote)),
        "addresses of conn {} of pid {}, found by {:?}",
        conn.id,
        conn.pid,
        conn.addr_source
    );
}

/// An IPv4 address that an IPv6 socket shows is still that address.
fn plain(address: &Option<String>) -> Option<String> {
    let address = address.as_ref()?;
    let mapped = address.strip_prefix("[::ffff:").and_then(|rest| rest.split_once("]:"));
    Some(match mapped {
        Some((ip, port)) => format!("{ip}:{port}"),
        None => address.clone(),
    })
}

fn sum(stream: &Stream) -> Sum {
    Sum { len: stream.end, sha256: stream.sha256() }
}

fn list(shown: &[Shown<'_>]) -> String {
    let mut text = String::new();
    for Shown { conn, read, write } in shown.iter().take(20) {
        text += &format!(
            "\n  conn {} of pid {}: read {read:?} gaps {:?}, write {write:?} gaps {:?}",
            conn.id, conn.pid, conn.read.gaps, conn.write.gaps
        );
    }
    text
}
