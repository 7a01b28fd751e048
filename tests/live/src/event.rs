//! One line of ecapture's JSON, as the documentation of the format says.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer};

use crate::recording::Dir;

/// What a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A connection was seen first, or its addresses became known.
    Open,
    /// Bytes that moved.
    Data,
    /// Bytes that moved and are not shown.
    Gap,
    /// A connection ended.
    Close,
    /// The last line of a run.
    Summary,
    /// Anything that this harness does not look at.
    #[serde(other)]
    Other,
}

/// One line. Fields that a line has not are `None` or empty.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// What the line tells of.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// When, RFC 3339 with nanoseconds.
    pub time: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// The thread.
    pub tid: Option<u32>,
    /// The user.
    pub uid: Option<u32>,
    /// The thread's name.
    pub comm: Option<String>,
    /// The process's program.
    pub exe: Option<String>,
    /// The hooked file.
    pub lib: Option<String>,
    /// The connection, unique in the run.
    pub conn: Option<u64>,
    /// `read` or `write`.
    pub dir: Option<String>,
    /// Bytes that the direction moved before these.
    pub pos: Option<u64>,
    /// How many bytes.
    pub len: Option<u64>,
    /// The near address.
    pub local: Option<String>,
    /// The far address.
    pub remote: Option<String>,
    /// How the addresses were found.
    pub addr_source: Option<String>,
    /// Why bytes are missing.
    pub reason: Option<String>,
    /// The bytes were looked at, not taken.
    #[serde(default)]
    pub peek: bool,
    /// The bytes.
    #[serde(default, deserialize_with = "base64_bytes")]
    pub data: Option<Vec<u8>>,
    /// What else the line holds; the summary's counts are read from here.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// How much a call in this direction was asked to move when the process ended within it.
    pub(crate) fn unfinished(&self, dir: Dir) -> Option<u64> {
        let name = match dir {
            Dir::Read => "read",
            Dir::Write => "write",
        };
        self.rest.get("unfinished")?.get(name)?.as_u64()
    }
}

fn base64_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    BASE64_STANDARD.decode(text).map(Some).map_err(serde::de::Error::custom)
}
