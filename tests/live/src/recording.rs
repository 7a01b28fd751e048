//! A whole run's JSON, put together again: connections, and per direction the bytes in order.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use sha2::{Digest, Sha256};

use crate::event::{Event, Kind};

/// Which way bytes went, as the program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dir {
    /// The program received them.
    Read,
    /// The program sent them.
    Write,
}

/// Bytes that moved and were not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where in the direction.
    pub pos: u64,
    /// How many.
    pub len: u64,
    /// Why.
    pub reason: String,
}

/// One direction of a connection.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// What was shown, in order; gaps take no room.
    pub bytes: Vec<u8>,
    /// What was not.
    pub gaps: Vec<Gap>,
    /// What was only looked at, and where.
    pub peeked: Vec<(u64, Vec<u8>)>,
    /// Shown or not: what the direction moved in all.
    pub end: u64,
}

impl Stream {
    /// Bytes in gaps.
    pub fn missing(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.len).sum()
    }

    /// The SHA-256 of what was shown, in hex.
    pub fn sha256(&self) -> String {
        sha256(&self.bytes)
    }
}

/// One connection as ecapture shows it.
#[derive(Debug, Clone)]
pub struct Conn {
    /// Its number in the run.
    pub id: u64,
    /// The process.
    pub pid: u32,
    /// The name of the thread that used it first.
    pub comm: String,
    /// The process's program.
    pub exe: String,
    /// The hooked file.
    pub lib: String,
    /// Its near address, once it was known.
    pub local: Option<String>,
    /// Its far address, once it was known.
    pub remote: Option<String>,
    /// How they were found.
    pub addr_source: Option<String>,
    /// Received bytes.
    pub read: Stream,
    /// Sent bytes.
    pub write: Stream,
    /// Whether an `open` came before everything else.
    pub opened: bool,
    /// Whether a `close` came after everything else.
    pub closed: bool,
    /// What a call was asked to move that the end of the process cut short: read, write.
    pub unfinished: [Option<u64>; 2],
    /// What broke the format's promises.
    pub faults: Vec<String>,
}

/// All that a run showed.
#[derive(Debug)]
pub struct Recording {
    conns: BTreeMap<u64, Conn>,
    summary: Event,
    /// How many lines there were.
    pub lines: usize,
}

impl Recording {
    /// Reads a finished output.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        Self::parse(&fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
    }

    /// Takes a whole output. Panics unless every line is whole, the last is the only summary, and
    /// its counts are those of the lines before.
    #[track_caller]
    pub fn parse(text: &[u8]) -> Self {
        assert_eq!(text.last(), Some(&b'\n'), "the output ends within a line");
        let mut conns = BTreeMap::new();
        let mut summary = None;
        let mut lines = 0;
        for line in text[..text.len() - 1].split(|&b| b == b'\n') {
            let event: Event = serde_json::from_slice(line).unwrap_or_else(|why| {
                panic!("line {}: {why}: {}", lines + 1, String::from_utf8_lossy(line))
            });
            lines += 1;
            assert!(summary.is_none(), "line {lines} follows the summary");
            match event.kind {
                Kind::Summary => summary = Some(event),
                Kind::Other => {}
                _ => take(&mut conns, event, lines),
            }
        }
        let summary = summary.expect("the output ends with a summary");
        let recording = Self { conns, summary, lines };
        recording.assert_books();
        recording
    }

    /// The summary's counts against the lines'.
    #[track_caller]
    fn assert_books(&self) {
        let sum = |of: fn(&Conn) -> u64| self.conns.values().map(of).sum::<u64>();
        let counted = [
            sum(|conn| conn.read.bytes.len() as u64),
            sum(|conn| conn.write.bytes.len() as u64),
            sum(|conn| conn.read.missing() + conn.write.missing()),
        ];
        let told = [&["captured", "read"][..], &["captured", "write"], &["gaps", "bytes"]];
        assert_eq!(told.map(|path| self.summary(path)), counted, "the summary is wrong");
    }

    /// A process's connections that moved anything, in the order in which they were seen.
    #[track_caller]
    pub fn of_pid(&self, pid: u32) -> Vec<&Conn> {
        self.where_conn(|conn| conn.pid == pid)
    }

    /// The connections that moved anything and for which `wanted` holds. They kept the promises.
    #[track_caller]
    pub fn where_conn(&self, wanted: impl Fn(&Conn) -> bool) -> Vec<&Conn> {
        let found = self.conns.values().filter(|conn| wanted(conn)).inspect(|conn| {
            let Conn { id, pid, faults, .. } = conn;
            assert!(faults.is_empty(), "conn {id} of pid {pid}: {faults:?}");
        });
        found.filter(|conn| conn.read.end + conn.write.end > 0).collect()
    }

    /// Every connection, used or not.
    pub fn all(&self) -> impl Iterator<Item = &Conn> {
        self.conns.values()
    }

    /// The programs that ran before a library of theirs was hooked, as the summary tells of them.
    #[track_caller]
    pub fn unhooked(&self) -> &[serde_json::Value] {
        let found = self.summary.rest.get("unhooked").and_then(serde_json::Value::as_array);
        found.expect("a list in the summary")
    }

    /// A number of the summary, by its path of keys.
    #[track_caller]
    pub fn summary(&self, path: &[&str]) -> u64 {
        let all = serde_json::Value::Object(self.summary.rest.clone());
        let found = path.iter().try_fold(&all, |at, key| at.get(key));
        found.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no {path:?} in {all}"))
    }
}

fn take(conns: &mut BTreeMap<u64, Conn>, event: Event, line: usize) {
    let (Some(id), Some(pid)) = (event.conn, event.pid) else {
        panic!("line {line} names no connection or no process: {event:?}");
    };
    let conn = conns.entry(id).or_insert_with(|| Conn {
        id,
        pid,
        comm: event.comm.clone().unwrap_or_default(),
        exe: event.exe.clone().unwrap_or_default(),
        lib: event.lib.clone().unwrap_or_default(),
        local: None,
        remote: None,
        addr_source: None,
        read: Stream::default(),
        write: Stream::default(),
        opened: event.kind == Kind::Open,
        closed: false,
        unfinished: [None; 2],
        faults: Vec::new(),
    });
    let mut faults = conn.follow(&event);
    if conn.pid != pid {
        faults.push(format!("belongs to {} and {pid}", conn.pid));
    }
    conn.faults.extend(faults.into_iter().map(|fault| format!("line {line}: {fault}")));
}

impl Conn {
    /// Checks that nothing is missing.
    #[track_caller]
    pub fn assert_whole(&self) {
        let Self { id, pid, read, write, .. } = self;
        let gaps = (&read.gaps, &write.gaps);
        assert!(read.missing() + write.missing() == 0, "conn {id} of pid {pid}: gaps {gaps:?}");
    }

    fn follow(&mut self, event: &Event) -> Vec<String> {
        let mut faults = Vec::new();
        if self.closed {
            faults.push("goes on after its close".into());
        }
        for (known, now) in [(&mut self.local, &event.local), (&mut self.remote, &event.remote)] {
            match (&known, now) {
                (Some(known), Some(now)) if known != now => {
                    faults.push(format!("address changes from {known} to {now}"));
                }
                (None, Some(now)) => *known = Some(now.clone()),
                _ => {}
            }
        }
        if event.local.is_some() {
            self.addr_source = event.addr_source.clone();
        }
        match event.kind {
            Kind::Close => {
                self.closed = true;
                self.unfinished = [Dir::Read, Dir::Write].map(|dir| event.unfinished(dir));
                faults.extend(self.check_close(event));
            }
            Kind::Data | Kind::Gap => faults.extend(self.append(event)),
            _ => {}
        }
        faults
    }

    /// A close says what the connection moved: it must be what was shown.
    fn check_close(&self, event: &Event) -> Option<String> {
        let told = |what: &str, dir: &str| event.rest.get(what)?.get(dir)?.as_u64();
        for (name, stream) in [("read", &self.read), ("write", &self.write)] {
            let (captured, missing) = (told("captured", name), told("missing", name));
            if (captured, missing) != (Some(stream.bytes.len() as u64), Some(stream.missing())) {
                return Some(format!("the close says {captured:?} and {missing:?} of {name}"));
            }
        }
        None
    }

    fn append(&mut self, event: &Event) -> Option<String> {
        let stream = match event.dir.as_deref() {
            Some("read") => &mut self.read,
            Some("write") => &mut self.write,
            other => return Some(format!("direction {other:?}")),
        };
        let (Some(pos), Some(len)) = (event.pos, event.len) else {
            return Some("a piece without pos or len".into());
        };
        let data = event.data.as_deref().unwrap_or_default();
        if event.kind == Kind::Data && data.len() as u64 != len {
            return Some(format!("says {len} bytes and holds {}", data.len()));
        }
        if event.peek {
            // A look moves nothing, even if what it saw could not be shown.
            stream.peeked.push((pos, data.to_vec()));
            return None;
        }
        if pos != stream.end {
            let fault = format!("{:?} {len} bytes at {pos}, not at {}", event.dir, stream.end);
            stream.end = pos + len;
            return Some(fault);
        }
        stream.end += len;
        stream.bytes.extend_from_slice(data);
        if event.kind == Kind::Gap {
            let reason = event.reason.clone().unwrap_or_default();
            stream.gaps.push(Gap { pos, len, reason });
            return event.reason.is_none().then(|| "a gap without a reason".into());
        }
        None
    }
}

/// The SHA-256 of `bytes`, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(conn: u64, pos: u64, rest: &str) -> String {
        format!(r#"{{"type":"data","pid":7,"conn":{conn},"dir":"read","pos":{pos},{rest}}}"#)
    }

    fn recording(lines: &[String], captured: u64, gaps: u64) -> Recording {
        let summary = format!(
            r#"{{"type":"summary","captured":{{"read":{captured},"write":0}},"gaps":{{"bytes":{gaps}}}}}"#
        );
        Recording::parse(format!("{}\n{summary}\n", lines.join("\n")).as_bytes())
    }

    #[test]
    fn pieces_and_gaps_become_one_stream() {
        let lines = [
            piece(1, 0, r#""len":2,"data":"YWI=""#),
            piece(1, 2, r#""len":1,"peek":true,"data":"Yw==""#),
            piece(1, 2, r#""len":5,"reason":"cap""#).replace("data", "gap"),
            piece(1, 7, r#""len":1,"data":"Yw==""#),
        ];
        let recording = recording(&lines, 3, 5);
        let conn = recording.of_pid(7)[0];
        assert_eq!((&*conn.read.bytes, conn.read.end, conn.read.missing()), (&b"abc"[..], 8, 5));
        assert_eq!(conn.read.peeked, [(2, b"c".to_vec())]);
        assert_eq!(
            conn.read.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    #[should_panic(expected = "at 3, not at 2")]
    fn a_hole_is_a_fault() {
        let lines = [0, 3].map(|pos| piece(1, pos, r#""len":2,"data":"YWI=""#));
        recording(&lines, 2, 0).of_pid(7);
    }

    #[test]
    #[should_panic(expected = "the summary is wrong")]
    fn a_summary_must_add_up() {
        recording(&[piece(1, 0, r#""len":2,"data":"YWI=""#)], 3, 0);
    }

    #[test]
    #[should_panic(expected = "says 3 bytes and holds 2")]
    fn a_length_must_be_true() {
        recording(&[piece(1, 0, r#""len":3,"data":"YWI=""#)], 0, 0).of_pid(7);
    }

    #[test]
    #[should_panic(expected = "goes on after its close")]
    fn nothing_follows_a_close() {
        let close = r#"{"type":"close","pid":7,"conn":1,"captured":{"read":0,"write":0},"missing":{"read":0,"write":0}}"#;
        let lines = [close.to_owned(), piece(1, 0, r#""len":2,"data":"YWI=""#)];
        recording(&lines, 2, 0).of_pid(7);
    }
}
