//! How much may be held. A traced program decides how many connections there are, and what they
//! carry.

/// Bytes of a connection that are kept to tell its protocol: less than a packet, and enough for
/// the preface of HTTP/2 and for a request's method.
pub(crate) const LOOK: usize = 64;
/// What a connection holds to be decoded: heads, tables, fragments, unanswered requests, events and
/// decoders. Past it, the connection is told of as it is, or in HTTP/2 its oldest stream.
///
/// What is shown of bodies ([`shown`]) is beside it, since one body of a mebibyte, which is shown
/// whole by default, would take all of it. So a body can't push out what decodes it, and what
/// decodes can't shorten a body. Both count for all connections together
/// ([`Options::max_held`](crate::proto::Options)), where no load gets past 24 MiB.
pub(crate) const CONNECTION: usize = 1 << 20;
/// The windows of `br` and `zstd` are on top, as far as they are written to. They can't be within:
/// a sender may refer to any byte of the last 16 MiB (RFC 7932, section 9.1) or 8 MiB (RFC 9659),
/// and does: nginx's `br` has windows of 512 KiB, node's of 4 MiB, `zstd -19` writes 8 MiB. With
/// less, what follows in such a body can't be decoded at all.
pub(crate) const WINDOWS: usize = 17 << 20;
/// A server-sent event: its type, its data, its ID and the line under way.
pub(crate) const EVENT: usize = 256 << 10;
/// Step in which the room grows for what may be long: doubling would take twice of what is kept.
pub(crate) const GROWTH: usize = 64 << 10;
/// A window of `zstd` (RFC 9659).
pub(crate) const ZSTD_WINDOW: usize = 8 << 20;
/// Codings of a body, one over the other.
pub(crate) const CODINGS: usize = 4;
/// Members of a gzip body; each costs a decoder.
pub(crate) const MEMBERS: usize = 10_000;
/// Room for what a decoder makes at once.
pub(crate) const DECODED: usize = 16 << 10;
/// A body that decodes to more than this, and to more than [`BOMB_RATIO`] times what came, is a
/// bomb. Text shrinks to a tenth, logs to a fiftieth.
pub(crate) const BOMB: u64 = 16 << 20;
/// See [`BOMB`].
pub(crate) const BOMB_RATIO: u64 = 200;
/// Room that a connection keeps for its next message.
pub(crate) const ROOM: usize = 16 << 10;
/// A head of HTTP/1. Servers take 8 to 32 KiB, clients up to 256.
pub(crate) const HEAD: usize = 256 << 10;
/// Fields of a head. Apache takes 100.
pub(crate) const FIELDS: usize = 256;
/// Fields of trailers.
pub(crate) const TRAILERS: usize = 64;
/// A method of HTTP/1; the longest registered one has 16 letters.
pub(crate) const METHOD: usize = 24;
/// A request line in which the version is looked for.
pub(crate) const LINE: usize = 8 << 10;
/// Extensions of a chunk.
pub(crate) const EXTENSION: usize = 4 << 10;
/// Requests of a connection that wait for their responses; pipelining clients have far fewer.
pub(crate) const UNANSWERED: usize = 1_000;
/// Bytes in which no message began, after which a connection counts as one of unknown protocol.
pub(crate) const LOST: u64 = 64 << 10;
/// Holes in the shown part of a body that are kept apart.
pub(crate) const HOLES: usize = 1_000;
/// A header block of HTTP/2 as it is compressed; browsers and servers take up to 64 KiB.
pub(crate) const BLOCK: usize = 64 << 10;
/// Names and values of a header block of HTTP/2; nginx takes 32 KiB, Go 1 MiB.
pub(crate) const HEADER_LIST: usize = 128 << 10;
/// Bytes of HPACK's dynamic table that are kept, by the count of RFC 7541. The default is 4 KiB;
/// browsers allow 64.
pub(crate) const TABLE: usize = 64 << 10;
/// Streams of an HTTP/2 connection that are open at once; servers allow 100 to 256.
pub(crate) const STREAMS: usize = 512;
/// Streams that have ended whose late frames are told from those of others.
pub(crate) const ENDED_STREAMS: usize = 64;
/// Streams whose room is kept for others.
pub(crate) const SPARE_STREAMS: usize = 8;
/// Bytes in which a frame of HTTP/2 is looked for at once: more than two of the usual length.
pub(crate) const SEARCH: usize = 48 << 10;
/// Bytes without a frame of HTTP/2, after which a connection counts as one of unknown protocol.
/// Frames may have 16 MiB; more than the usual 16 KiB is rare.
pub(crate) const LOST_FRAMES: u64 = 256 << 10;
/// Frames of a chain of HTTP/2 that are looked at while one is looked for: whoever sends more of
/// those that count little means harm.
pub(crate) const CHAIN: usize = 16;
/// Bytes of a header block that are looked at then.
pub(crate) const CHAIN_BLOCK: usize = 4_096;
/// A payload of a WebSocket that is taken for one while framing is looked for.
pub(crate) const PLAUSIBLE: u64 = 16 << 20;
/// Bytes of a WebSocket message, decompressed, up to which nothing is a bomb…
pub(crate) const FRAME_BOMB: u64 = 16 << 20;
/// …and past which this many to one are. Text compresses to a tenth, deflate's end is 1032.
pub(crate) const FRAME_BOMB_RATIO: u64 = 200;
/// Prepared statements and portals of a database connection that are remembered by name.
pub(crate) const STATEMENTS: usize = 1_000;
/// Bytes of them in all; PostgreSQL's unnamed one is beside.
pub(crate) const STATEMENT_BYTES: usize = 256 << 10;
/// Bytes of one of them.
pub(crate) const STATEMENT: usize = 64 << 10;
/// Parameters of one execution.
pub(crate) const PARAMS: usize = 128 << 10;
/// Requests of a database connection that wait for their results, their parts counted: a client
/// that sends them in batches has a few hundred.
pub(crate) const ASKED: usize = 2_000;
/// A name of a statement or a portal, a tag; PostgreSQL cuts names to 63 bytes.
pub(crate) const SQL_NAME: usize = 1 << 10;
/// What a database says of an error.
pub(crate) const SQL_ERROR: usize = 8 << 10;

/// What a connection holds of bodies under way if so many bytes of each are shown: a request's and
/// its response's. More of them at once, as HTTP/2 has, share that; one that finds no room says so.
pub(crate) fn shown(max_body: usize) -> usize {
    max_body.saturating_mul(2)
}

/// What bounds a [`Table`](crate::Table)'s memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections followed at once. Past it, the one that was silent for longest is closed.
    pub connections: usize,
    /// Ended connections whose positions are remembered: a late record of one must not be
    /// taken for a new connection that lost its first bytes.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 32_768, remembered: 32_768 }
    }
}

impl Limits {
    /// What each of `tables` may hold so that all together hold what one alone may.
    pub fn shared_by(tables: u32) -> Self {
        let Self { connections, remembered } = Self::default();
        let tables = tables.max(1) as usize;
        Self { connections: connections / tables, remembered: remembered / tables }
    }
}

/// Bytes read out of a program's memory for one call: as many as the kernel half copies.
pub(crate) const REST: u64 = (abi::RUNS * abi::CHUNKS_PER_RUN * abi::CHUNK) as u64;
/// Of these, bytes held at once: as many as a record has.
pub(crate) const REST_PIECE: usize = abi::CHUNK;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Table;
    use crate::event::{Data, Event};
    use crate::{
        Close, CloseReason, Conn, Context, Dir, Ended, Gap, Head, Ids, Key, Output, Piece,
    };

    struct Unknown;

    impl Context for Unknown {
        fn exe(&mut self, _: u32, _: u64) -> Arc<str> {
            "".into()
        }

        fn lib(&mut self, _: u32) -> Arc<str> {
            "".into()
        }

        fn ended(&mut self, _: &Key) -> Option<Ended> {
            None
        }
    }

    /// Which connections were closed because the table was full, and bytes in gaps.
    #[derive(Default)]
    struct Evicted(Vec<u64>, u64);

    impl Output for Evicted {
        fn open(&mut self, _: &Conn, _: u64) {}

        fn data(&mut self, _: &Conn, _: &Piece<'_>) {}

        fn gap(&mut self, _: &Conn, gap: &Gap) {
            self.1 += gap.len;
        }

        fn close(&mut self, conn: &Conn, close: &Close) {
            assert_eq!(close.reason, CloseReason::Evicted);
            self.0.push(conn.id);
        }
    }

    /// Feeds one byte of connection `conn` at `pos`.
    fn push(table: &mut Table, conn: u64, pos: u64, evicted: &mut Evicted) {
        let head = Head { conn, ..Head::default() };
        let (dir, bytes) = (Dir::Read, b"x".as_slice());
        let data = Data { head, dir, pos, call_len: 1, call_off: 0, bytes };
        table.push(&Event::Data(data), &mut Unknown, evicted);
    }

    fn table(connections: usize, remembered: usize) -> Table {
        Table::new(Limits { connections, remembered }, Ids::default())
    }

    #[test]
    fn the_one_that_was_silent_for_longest_makes_room() {
        let mut evicted = Evicted::default();
        let mut table = table(3, 10);
        for conn in [1, 2, 3] {
            push(&mut table, conn, 0, &mut evicted);
        }
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!((table.len(), evicted.0.len()), (3, 0), "at the limit");
        push(&mut table, 4, 0, &mut evicted);
        assert_eq!((table.len(), evicted.0.as_slice()), (3, [2].as_slice()), "one past the limit");
        assert_eq!(table.totals().evicted, 1);
    }

    #[test]
    fn an_evicted_connection_goes_on_where_it_was() {
        let mut evicted = Evicted::default();
        let mut table = table(1, 1);
        push(&mut table, 1, 0, &mut evicted);
        push(&mut table, 2, 0, &mut evicted);
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!(evicted.0, [1, 2]);
        assert_eq!(evicted.1, 0, "no gap is invented");
        assert_eq!(table.totals().captured, [3, 0]);
    }

    #[test]
    fn past_the_limit_positions_are_forgotten() {
        let mut evicted = Evicted::default();
        let mut table = table(1, 1);
        for conn in [1, 2, 3] {
            push(&mut table, conn, 0, &mut evicted);
        }
        // 2 pushed 1 out of memory, so 1's second byte looks like the first that came through.
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!(evicted.1, 1);
    }

    #[test]
    fn a_limit_of_none_holds_one() {
        let mut evicted = Evicted::default();
        let mut table = table(0, 0);
        for conn in [1, 1, 2] {
            push(&mut table, conn, 0, &mut evicted);
        }
        assert_eq!((table.len(), evicted.0.as_slice()), (1, [1].as_slice()));
    }
}
