//! What the capture wrote, read back: each connection's two streams, put together from its lines.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Everything that was written.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    conns: BTreeMap<(u64, u64), Conn>,
    /// The last line.
    pub(super) summary: Option<Value>,
}

/// A connection as one process saw it.
#[derive(Debug, Default, Clone)]
pub(super) struct Conn {
    pub(super) read: Stream,
    pub(super) written: Stream,
    /// Local and remote, each pair once; pairs that are not known are left out.
    pub(super) addresses: BTreeSet<(String, String)>,
    /// How the addresses were found.
    pub(super) source: String,
    /// The file that holds the probed functions.
    pub(super) library: String,
}

/// One direction of a connection.
#[derive(Debug, Default, Clone)]
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    /// Bytes that the capture says are missing.
    pub(super) missing: u64,
    /// Lines with data.
    pub(super) pieces: usize,
}

impl Evidence {
    /// Reads JSON lines; an error names the line.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let mut evidence = Self::default();
        for (number, line) in (1..).zip(json.lines()) {
            let taken = serde_json::from_str(line).map_err(|error| error.to_string());
            let taken = taken.and_then(|line| evidence.take(line));
            taken.map_err(|error| format!("line {number} of the capture: {error}"))?;
        }
        Ok(evidence)
    }

    /// The one connection on which a process moved bytes.
    pub(super) fn of(&self, pid: u32) -> Result<&Conn, String> {
        let of_pid = (u64::from(pid), 0)..=(u64::from(pid), u64::MAX);
        let mut conns = self.conns.range(of_pid).map(|(_, conn)| conn);
        match (conns.next(), conns.next()) {
            (Some(conn), None) => Ok(conn),
            (None, _) => Err("no connection was captured".to_owned()),
            (Some(_), Some(_)) => Err("more than one connection was captured".to_owned()),
        }
    }

    fn take(&mut self, line: Value) -> Result<(), String> {
        let text = |name: &str| line[name].as_str().ok_or(format!("no text `{name}`"));
        let number = |name: &str| line[name].as_u64().ok_or(format!("no number `{name}`"));
        let kind = text("type")?;
        if kind == "summary" {
            self.summary = Some(line);
            return Ok(());
        }
        let conn = self.conns.entry((number("pid")?, number("conn")?)).or_default();
        conn.library = text("lib")?.to_owned();
        if let (Ok(local), Ok(remote)) = (text("local"), text("remote")) {
            conn.addresses.insert((local.to_owned(), remote.to_owned()));
            conn.source = text("addr_source")?.to_owned();
        }
        if !matches!(kind, "data" | "gap") || line["peek"] == true {
            return Ok(());
        }
        let stream = match text("dir")? {
            "read" => &mut conn.read,
            "write" => &mut conn.written,
            other => return Err(format!("no direction: {other}")),
        };
        let (pos, len) = (number("pos")?, number("len")?);
        let moved = stream.bytes.len() as u64 + stream.missing;
        if pos != moved {
            return Err(format!("bytes at {pos} after {moved} bytes"));
        }
        if kind == "gap" {
            stream.missing += len;
            return Ok(());
        }
        let bytes = STANDARD.decode(text("data")?).map_err(|error| error.to_string())?;
        if bytes.len() as u64 != len {
            return Err(format!("{} bytes that are said to be {len}", bytes.len()));
        }
        stream.bytes.extend_from_slice(&bytes);
        stream.pieces += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(dir: &str, pos: usize, bytes: &[u8]) -> String {
        format!(
            r#"{{"type":"data","pid":7,"conn":1,"lib":"/l","dir":"{dir}","pos":{pos},"len":{},"local":"a","remote":"b","addr_source":"call-socket","peek":false,"data":"{}"}}"#,
            bytes.len(),
            STANDARD.encode(bytes)
        )
    }

    #[test]
    fn streams_are_put_together() {
        let lines = [
            data("write", 0, b"ab"),
            data("read", 0, b"x"),
            data("write", 2, b"\xff"),
            data("read", 1, b"peeked").replace("false", "true"),
            data("write", 3, b"")
                .replace("\"data\",", "\"gap\",")
                .replace("\"len\":0", "\"len\":9"),
            data("write", 12, b"c"),
            r#"{"type":"summary","unaccounted":0}"#.to_owned(),
        ];
        let evidence = Evidence::read(&lines.join("\n")).unwrap();
        let conn = evidence.of(7).unwrap();
        assert_eq!((conn.read.bytes.as_slice(), conn.read.pieces), (&b"x"[..], 1));
        assert_eq!((conn.written.bytes.as_slice(), conn.written.pieces), (&b"ab\xffc"[..], 3));
        assert_eq!((conn.read.missing, conn.written.missing), (0, 9));
        assert_eq!(conn.addresses.iter().next(), Some(&("a".to_owned(), "b".to_owned())));
        assert!(evidence.summary.is_some());
        assert!(evidence.of(8).is_err());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let refused = |json: &str| Evidence::read(json).unwrap_err();
        assert!(refused(&data("write", 1, b"ab")).starts_with("line 1 "));
        assert!(
            refused(&data("write", 0, b"ab").replace("\"len\":2", "\"len\":3")).contains("2 bytes")
        );
        assert!(refused(&data("sideways", 0, b"ab")).contains("sideways"));
        assert!(refused("{").starts_with("line 1 "));
        assert!(refused("{}").contains("type"));
    }

    #[test]
    fn two_connections_of_a_process_are_not_one() {
        let two = [data("write", 0, b"a"), data("write", 0, b"a").replace("conn\":1", "conn\":2")];
        assert!(Evidence::read(&two.join("\n")).unwrap().of(7).is_err());
    }
}
