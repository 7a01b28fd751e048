//! What happened in the recorded run.

use abi::Head;
use stream::event::{Close, Conn, Data, Event, Gap};
use stream::{AddrSource, Dir, GapReason};

/// Process of a client with a socket.
pub(crate) const CURL: u32 = 1234;
/// Process of a client with memory BIOs; it is killed.
pub(crate) const PYTHON: u32 = 99;
/// The hooked file.
pub(crate) const LIBSSL: u32 = 1;
/// When the run ended.
pub(crate) const END: u64 = 9_000_000_000;
/// Bytes that curl read and wrote.
pub(crate) const CURL_READ: u64 = 32_812;
/// See [`CURL_READ`].
pub(crate) const CURL_WRITTEN: u64 = 39;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost:443\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 32768\r\n\r\n";

/// The records, as the ring held them.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let mut story = Story::default();
    story.curl();
    story.python();
    story.strangers();
    story.records
}

#[derive(Default)]
struct Story {
    records: Vec<Vec<u8>>,
    time_ns: u64,
}

impl Story {
    /// Adds a record a millisecond and some nanoseconds after the one before.
    fn tell(&mut self, event: impl FnOnce(Head) -> Event<'static>, head: Head) {
        self.time_ns += 1_000_789;
        let mut record = Vec::new();
        event(Head { time_ns: self.time_ns, ..head }).encode(&mut record);
        self.records.push(record);
    }

    /// A request, an answer that comes in parts of which one is lost, a late address.
    fn curl(&mut self) {
        let head = head(CURL, 0x5555_0000_1000, b"curl");
        let len = REQUEST.len() as u64;
        self.tell(|head| data(head, Dir::Write, 0, REQUEST), head);
        self.tell(|head| conn(head, "127.0.0.1:40112", "[::ffff:127.0.0.1]:443"), head);
        let peek = Head { flags: abi::ROW_PEEK, ..head };
        self.tell(|head| data(head, Dir::Read, 0, &ANSWER[..8]), peek);
        self.tell(|head| data(head, Dir::Read, 0, ANSWER), head);
        let pos = ANSWER.len() as u64;
        // The first half of the body found no room in the ring.
        self.tell(
            |head| {
                let (pos, call_len, call_off) = (pos + 16_384, 32_768, 16_384);
                let bytes = b"second half\n";
                Event::Data(Data { head, dir: Dir::Read, pos, call_len, call_off, bytes })
            },
            head,
        );
        self.tell(
            |head| {
                let (pos, len) = (pos + 16_396, 16_372);
                let (call_len, call_off) = (32_768, 16_396);
                let reason = GapReason::Cap;
                Event::Gap(Gap { head, dir: Dir::Read, pos, len, call_len, call_off, reason })
            },
            head,
        );
        // Two more bytes were read than were recorded.
        self.tell(|head| close(head, pos + 32_768 + 2, len), head);
    }

    /// No socket, bytes that a terminal must not see, killed within a read.
    fn python(&mut self) {
        let head = head(PYTHON, 0x7f00_0000_2000, b"py\x1b[31m\"3");
        self.tell(|head| data(head, Dir::Read, 0, b"\x1b[2J\xff"), head);
        self.tell(
            |head| data(head, Dir::Write, 0, "héllo \u{202e}\u{9b}\0 世界\r\n".as_bytes()),
            head,
        );
        self.tell(Event::Exit, Head { conn: 0, born_ns: 0, file: 0, ..head });
    }

    /// A pointer that is used again, records in larger rooms than they need, and broken ones.
    fn strangers(&mut self) {
        let first = Head { file: 0, ..head(7, 0x10, b"") };
        self.tell(|head| data(head, Dir::Write, 0, b"first"), first);
        let room = self.records.last_mut();
        room.into_iter().for_each(|record| record.extend_from_slice(b"of an older record"));
        let second = Head { born_ns: first.born_ns + 1, ..first };
        self.tell(|head| data(head, Dir::Write, 0, b"second"), second);
        self.tell(|head| data(head, Dir::Write, 3, b"at once"), second);
        self.tell(|head| data(head, Dir::Read, 0, b"cut off"), second);
        self.records.last_mut().into_iter().for_each(|record| record.truncate(100));
        self.records.push(vec![0xff; 80]);
    }
}

fn head(tgid: u32, conn: u64, name: &[u8]) -> Head {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name);
    let (start_ns, born_ns) = (u64::from(tgid), 5);
    let (tid, uid, file) = (tgid + 1, 1000, LIBSSL);
    Head { start_ns, born_ns, conn, tgid, tid, uid, file, comm, ..Head::default() }
}

fn data(head: Head, dir: Dir, pos: u64, bytes: &'static [u8]) -> Event<'static> {
    let (call_len, call_off) = (bytes.len() as u64, 0);
    Event::Data(Data { head, dir, pos, call_len, call_off, bytes })
}

fn conn(head: Head, local: &str, remote: &str) -> Event<'static> {
    let addresses = local.parse().ok().zip(remote.parse().ok());
    Event::Conn(Conn { head, cgroup: 0, addresses, source: AddrSource::CallSocket })
}

fn close(head: Head, read: u64, write: u64) -> Event<'static> {
    Event::Close(Close { head, pos: [read, write] })
}
