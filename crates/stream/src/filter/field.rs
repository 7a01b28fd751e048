//! The fields that an expression can name.

/// A field. What each means is in docs/where.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Pid,
    Tid,
    Uid,
    Comm,
    Exe,
    Lib,
    Conn,
    Local,
    LocalIp,
    LocalPort,
    Remote,
    RemoteIp,
    RemotePort,
    Type,
    Dir,
    Protocol,
    Exchange,
    Stream,
    Method,
    Scheme,
    Host,
    Path,
    Query,
    Url,
    Status,
    /// By name; trailers count as well.
    Header(Vec<u8>),
    Body,
    Size,
    Wire,
    Ms,
    Ttfb,
    Event,
    Opcode,
    Db,
    User,
    ServerId,
    Command,
    Statement,
    /// Any of them.
    Param,
    Rows,
    Outcome,
    SqlState,
    Error,
    Flaws,
    Incomplete,
}

/// What a field can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text; whether upper and lower case are the same.
    Text { fold: bool },
    /// A header: text, which may be the digits of a number.
    Header,
    /// A plain number.
    Number,
    /// Bytes.
    Size,
    /// Milliseconds.
    Duration,
    /// True or false.
    Flag,
}

const EXACT: Shape = Shape::Text { fold: false };
const FOLDED: Shape = Shape::Text { fold: true };

/// Every field but `header`, which needs a name.
const FIELDS: [(&str, Field, Shape); 44] = [
    ("pid", Field::Pid, Shape::Number),
    ("tid", Field::Tid, Shape::Number),
    ("uid", Field::Uid, Shape::Number),
    ("comm", Field::Comm, EXACT),
    ("exe", Field::Exe, EXACT),
    ("lib", Field::Lib, EXACT),
    ("conn", Field::Conn, Shape::Number),
    ("local", Field::Local, EXACT),
    ("local.ip", Field::LocalIp, EXACT),
    ("local.port", Field::LocalPort, Shape::Number),
    ("remote", Field::Remote, EXACT),
    ("remote.ip", Field::RemoteIp, EXACT),
    ("remote.port", Field::RemotePort, Shape::Number),
    ("type", Field::Type, FOLDED),
    ("dir", Field::Dir, FOLDED),
    ("protocol", Field::Protocol, FOLDED),
    ("exchange", Field::Exchange, Shape::Number),
    ("stream", Field::Stream, Shape::Number),
    ("method", Field::Method, FOLDED),
    ("scheme", Field::Scheme, FOLDED),
    ("host", Field::Host, FOLDED),
    ("path", Field::Path, EXACT),
    ("query", Field::Query, EXACT),
    ("url", Field::Url, EXACT),
    ("status", Field::Status, Shape::Number),
    ("body", Field::Body, EXACT),
    ("size", Field::Size, Shape::Size),
    ("wire", Field::Wire, Shape::Size),
    ("ms", Field::Ms, Shape::Duration),
    ("ttfb", Field::Ttfb, Shape::Duration),
    ("event", Field::Event, EXACT),
    ("opcode", Field::Opcode, Shape::Number),
    ("db", Field::Db, EXACT),
    ("user", Field::User, EXACT),
    ("server_id", Field::ServerId, Shape::Number),
    ("command", Field::Command, FOLDED),
    ("statement", Field::Statement, EXACT),
    ("param", Field::Param, EXACT),
    ("rows", Field::Rows, Shape::Number),
    ("outcome", Field::Outcome, FOLDED),
    ("sqlstate", Field::SqlState, FOLDED),
    ("error", Field::Error, EXACT),
    ("flaws", Field::Flaws, FOLDED),
    ("incomplete", Field::Incomplete, Shape::Flag),
];

/// The only field with a name of its own in brackets.
pub(super) const HEADER: &str = "header";

/// A field by its name.
pub(super) fn find(name: &str) -> Option<(Field, Shape)> {
    FIELDS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, field, shape)| (field.clone(), *shape))
}

/// The field that was probably meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let names = FIELDS.iter().map(|(known, ..)| *known).chain([HEADER]);
    let near = names.map(|known| (distance(known, name), known)).min()?;
    (near.0 <= 2 && near.0 < name.len()).then_some(near.1)
}

impl Field {
    /// Whether an expression with this field speaks of single messages instead of exchanges.
    pub(super) fn is_of_one_message(&self) -> bool {
        matches!(self, Self::Type | Self::Dir)
    }
}

/// Letters to put in, leave out or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_guessed() {
        assert_eq!(find("ms"), Some((Field::Ms, Shape::Duration)));
        assert_eq!(find("Ms"), None);
        for (typed, meant) in [
            ("hots", Some("host")),
            ("headers", Some("header")),
            ("statu", Some("status")),
            ("remote_ip", Some("remote.ip")),
            ("xyzzy", None),
            ("q", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }
}
