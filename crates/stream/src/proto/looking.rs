//! A connection whose protocol is not known: each piece is asked whether a protocol begins there.
//!
//! Pieces pass through as they came, unless their first bytes may be the beginning of something:
//! those few wait for the next ones.

use abi::Dir;

use super::{Seen, http1, http2, mysql, other, postgres, websocket};
use crate::conn::Piece;
use crate::limits;

/// A protocol that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// HTTP/1, and the way in which requests go.
    Http1(Dir),
    /// HTTP/2.
    Http2,
    /// WebSocket, joined late, and the way in which its upgrade was asked for.
    WebSocket(Dir),
    /// PostgreSQL, and the way in which requests go.
    Postgres(Dir),
    /// PostgreSQL, joined late.
    LatePostgres(Dir),
    /// MySQL from the server's greeting.
    MySql(Dir),
    /// MySQL from the client's login.
    MySqlLogin(Dir),
    /// MySQL, joined late.
    LateMySql(Dir),
}

/// What a piece turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The beginning of this.
    Found(Found),
    /// Perhaps a beginning: the piece waits.
    Wait,
    /// Nothing that is known.
    Unknown,
}

/// Pieces that wait, of both directions, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Looking {
    waiting: Vec<Waiting>,
    /// Bytes are missing: the first ones after them may be the middle of a word.
    pub(super) late: bool,
    /// Exchanges of the connection before.
    pub(super) exchanges: u64,
    /// It is TLS, in a tunnel: what it carries is a connection of its own, and its records are
    /// nothing else by chance.
    sealed: bool,
}

/// A piece that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    piece: Piece<'static>,
    bytes: Vec<u8>,
}

impl Waiting {
    /// The piece.
    pub(super) fn piece(&self) -> Piece<'_> {
        Piece { bytes: &self.bytes, ..self.piece }
    }
}

impl Looking {
    /// Nothing is known after so many exchanges.
    pub(super) fn after(exchanges: u64) -> Self {
        Self { exchanges, ..Self::default() }
    }

    /// What begins with this piece and those of its direction that wait.
    pub(super) fn look(&mut self, piece: &Piece<'_>) -> Look {
        self.sealed |= is_hello(piece.bytes);
        if self.sealed {
            return Look::Unknown;
        }
        let mut before: Vec<u8> = Vec::new();
        for waiting in self.waiting.iter().filter(|waiting| waiting.piece.dir == piece.dir) {
            before.extend_from_slice(&waiting.bytes);
        }
        if before.is_empty() {
            return recognise(piece.bytes, piece.dir, self.late);
        }
        before.extend_from_slice(piece.bytes);
        recognise(&before, piece.dir, self.late)
    }

    /// Keeps a piece until more is known.
    pub(super) fn wait(&mut self, piece: &Piece<'_>) {
        let bytes = piece.bytes.to_vec();
        self.waiting.push(Waiting { piece: Piece { bytes: &[], ..*piece }, bytes });
    }

    /// Gives back what waits, of one direction or of both.
    pub(super) fn take(&mut self, dir: Option<Dir>) -> Vec<Waiting> {
        let wanted = |waiting: &Waiting| dir.is_none_or(|dir| waiting.piece.dir == dir);
        if !self.waiting.iter().any(wanted) {
            return Vec::new();
        }
        let (taken, left) = std::mem::take(&mut self.waiting).into_iter().partition(wanted);
        self.waiting = left;
        taken
    }

    /// Bytes are missing here: gives back what waits before them.
    pub(super) fn lose(&mut self, dir: Dir) -> Vec<Waiting> {
        self.late = true;
        self.take(Some(dir))
    }

    /// Bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.waiting.iter().map(|waiting| size_of::<Waiting>() + waiting.bytes.capacity()).sum()
    }
}

/// Whether a TLS handshake begins here: a record of one, with a ClientHello or a ServerHello (RFC
/// 8446, sections 4 and 5.1).
fn is_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 3, 0..=4, _, _, 1 | 2, ..])
}

/// Asks each protocol. The order matters where two share a beginning: HTTP/2's preface reads like
/// a request of HTTP/1.
fn recognise(bytes: &[u8], dir: Dir, late: bool) -> Look {
    let mut perhaps = false;
    let mut asked = |seen: Seen, found: Found| match seen {
        Seen::Yes => Some(Look::Found(found)),
        Seen::Perhaps => {
            perhaps = true;
            None
        }
        Seen::No => None,
    };
    let request = if late { http1::recognise_known_request } else { http1::recognise_request };
    let found = asked(http2::recognise(bytes), Found::Http2)
        .or_else(|| asked(request(bytes), Found::Http1(dir)))
        .or_else(|| asked(http1::recognise_response(bytes), Found::Http1(other(dir))))
        .or_else(|| asked(postgres::recognise(bytes), Found::Postgres(dir)))
        .or_else(|| asked(mysql::recognise_login(bytes), Found::MySqlLogin(dir)))
        .or_else(|| asked(mysql::recognise_greeting(bytes), Found::MySql(other(dir))))
        .or_else(|| asked(mysql::recognise_late(bytes), Found::LateMySql(dir)));
    match found {
        Some(found) => found,
        None if perhaps && bytes.len() < limits::LOOK => Look::Wait,
        None => in_the_middle(bytes, dir).map_or(Look::Unknown, Look::Found),
    }
}

/// What shows in the middle of a connection, too.
fn in_the_middle(bytes: &[u8], dir: Dir) -> Option<Found> {
    let postgres = || postgres::recognise_late(bytes, dir).map(Found::LatePostgres);
    websocket::recognise(bytes, dir).map(Found::WebSocket).or_else(postgres)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(dir: Dir, bytes: &[u8]) -> Piece<'_> {
        Piece {
            time: 1,
            tid: 2,
            comm: Default::default(),
            uid: 3,
            dir,
            pos: 0,
            bytes,
            peek: false,
            call_len: 1,
            call_off: 0,
        }
    }

    #[test]
    fn first_bytes_tell_the_protocol() {
        let seen = |bytes: &[u8]| recognise(bytes, Dir::Write, false);
        assert_eq!(seen(b"GET / HTTP/1.1\r\n"), Look::Found(Found::Http1(Dir::Write)));
        assert_eq!(seen(b"HTTP/1.1 200 OK\r\n"), Look::Found(Found::Http1(Dir::Read)));
        assert_eq!(seen(b"GE"), Look::Wait);
        assert_eq!(seen(b"\x16\x03\x01"), Look::Unknown);
        assert_eq!(seen(b"GETTYSBURG ADDRESS\n"), Look::Unknown);
    }

    #[test]
    fn tls_in_a_tunnel_is_left_alone() {
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
        let get = b"GET / HTTP/1.1\r\n";
        let mut looking = Looking::after(1);
        assert_eq!(looking.look(&piece(Dir::Write, hello)), Look::Unknown);
        assert_eq!(looking.look(&piece(Dir::Read, get)), Look::Unknown, "from then on");
        assert_ne!(Looking::after(1).look(&piece(Dir::Read, get)), Look::Unknown);
    }

    #[test]
    fn what_waits_comes_back_in_order() {
        let mut looking = Looking::after(7);
        for (dir, bytes) in [(Dir::Write, b"G"), (Dir::Read, b"H"), (Dir::Write, b"E")] {
            assert_eq!(looking.look(&piece(dir, bytes)), Look::Wait);
            looking.wait(&piece(dir, bytes));
        }
        assert!(looking.held() > 0);
        let last = looking.look(&piece(Dir::Write, b"T / HTTP/1.1\r\n"));
        assert_eq!(last, Look::Found(Found::Http1(Dir::Write)));
        let all = |taken: Vec<Waiting>| -> Vec<u8> {
            taken.iter().flat_map(|waiting| waiting.piece().bytes.to_vec()).collect()
        };
        assert_eq!(all(looking.take(Some(Dir::Read))), b"H");
        assert_eq!(all(looking.take(None)), b"GE");
        assert_eq!(looking.held(), 0);
    }
}
