//! A message with its secrets masked, and without what is not to be shown.

use super::Show;
use super::header;
use super::mask::{MASK, Ranges, Style};
use super::names::Names;
use super::proto::Search;
use super::sql;
use super::text::{self, Kind};
use crate::message::{
    Body, Content, Control, Frame, Head, Headers, Hole, Message, Problem, Query, RequestLine,
    Response, Rpc, ServerEvent, SqlError, What,
};
use crate::proto::sql::lex::Dialect;
use crate::protobuf::Type;

/// Room for the parts of a message that are written anew; used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) ranges: Ranges,
    pub(super) raw: Vec<u8>,
    scratch: Vec<u8>,
    authority: Vec<u8>,
    target: Vec<u8>,
    headers: Head,
    trailers: Head,
    bytes: Vec<u8>,
    word: Vec<u8>,
    id: Vec<u8>,
    holes: Vec<Hole>,
}

/// Masks with a list of names, or not at all.
struct Masker<'a> {
    names: Option<&'a Names>,
    show: Show,
    ranges: &'a mut Ranges,
    scratch: &'a mut Vec<u8>,
}

impl Room {
    /// The message as it is to be shown.
    pub(super) fn redacted<'a>(
        &'a mut self,
        message: &Message<'a>,
        names: Option<&Names>,
        show: Show,
        described: Option<&Type>,
    ) -> Message<'a> {
        let Self { ranges, scratch, authority, target, headers, trailers, .. } = self;
        let Self { bytes, word, id, holes, .. } = self;
        let mut masker = Masker { names, show, ranges, scratch };
        let request = message.request.map(|line| masker.line(line, authority, target));
        let what = match message.what {
            What::Request(content) => {
                What::Request(masker.content(content, [headers, trailers], bytes, holes))
            }
            What::Response(response) => What::Response(Response {
                reason: masker.word(response.reason, word),
                content: masker.content(response.content, [headers, trailers], bytes, holes),
                ..response
            }),
            What::Event(event) => {
                let data = Body { bytes: event.data, ..Body::default() };
                let kind = Kind::of(None, event.data);
                What::Event(ServerEvent {
                    event: masker.word(event.event, word),
                    data: masker.body(data, kind, Style::Fixed, bytes, holes).bytes,
                    id: masker.word(event.id, id),
                    ..event
                })
            }
            What::Frame(frame) => {
                let kind = Kind::of(None, frame.payload.bytes);
                let payload = masker.body(frame.payload, kind, Style::Fixed, bytes, holes);
                What::Frame(Frame { payload, ..frame })
            }
            What::Rpc(rpc) => {
                let payload = masker.rpc(rpc.payload, described, bytes, holes);
                What::Rpc(Rpc { payload, ..rpc })
            }
            What::Control(control) => {
                What::Control(Control { detail: masker.word(control.detail, word), ..control })
            }
            What::Query(query) => {
                let dialect = Dialect::of(message.protocol);
                What::Query(masker.query(query, dialect, [headers, trailers], [bytes, word]))
            }
            What::Unanswered | What::Loose(_) => message.what,
        };
        Message { request, what, ..*message }
    }
}

impl Masker<'_> {
    fn line<'a>(
        &mut self,
        line: RequestLine<'a>,
        authority: &'a mut Vec<u8>,
        target: &'a mut Vec<u8>,
    ) -> RequestLine<'a> {
        let line = if self.show == Show::Metadata { without_query(line) } else { line };
        RequestLine {
            authority: line.authority.map(|bytes| self.authority(bytes, authority)),
            target: line.target.map(|bytes| self.text(bytes, target)),
            ..line
        }
    }

    /// Without a user before `@`.
    fn authority<'a>(&mut self, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        self.ranges.clear();
        if let (Some(_), Some(at)) = (self.names, bytes.iter().rposition(|&byte| byte == b'@')) {
            self.ranges.push(0..at);
        }
        self.applied(bytes, out)
    }

    /// Literals of the statement, and the values of its parameters. A server's error quotes what it
    /// could not take, so its words are masked as well.
    fn query<'a>(
        &mut self,
        query: Query<'a>,
        dialect: Dialect,
        [params, _]: [&'a mut Head; 2],
        [text, words]: [&'a mut Vec<u8>; 2],
    ) -> Query<'a> {
        let silent = SqlError { message: b"", ..query.error.unwrap_or_default() };
        let error = query.error.map(|_| silent);
        if self.show != Show::All {
            let statement = empty(query.statement);
            return Query { statement, params: Headers::default(), error, ..query };
        }
        if self.names.is_none() {
            return query;
        }
        params.clear();
        for field in query.params.iter() {
            params.push(field.name, field.value.map(|_| MASK));
        }
        let mut statement = query.statement;
        self.ranges.clear();
        sql::scan(statement.bytes, dialect, self.ranges);
        if !self.ranges.is_empty() {
            let len = statement.masked.unwrap_or(statement.bytes.len() as u64);
            self.ranges.apply(statement.bytes, Style::Fixed, text, None);
            statement = Body { bytes: text, masked: Some(len), ..statement };
        }
        let error = query.error.map(|error| {
            self.ranges.clear();
            sql::scan_words(error.message, self.ranges);
            SqlError { message: self.applied(error.message, words), ..error }
        });
        Query { statement, params: params.headers(), error, ..query }
    }

    fn content<'a>(
        &mut self,
        content: Content<'a>,
        [headers, trailers]: [&'a mut Head; 2],
        bytes: &'a mut Vec<u8>,
        holes: &'a mut Vec<Hole>,
    ) -> Content<'a> {
        let kind = Kind::of(content.headers.first(b"content-type"), content.body.bytes);
        Content {
            headers: self.headers(content.headers, headers),
            trailers: self.headers(content.trailers, trailers),
            body: self.body(content.body, kind, Style::Fixed, bytes, holes),
        }
    }

    /// Words that are no metadata.
    fn word<'a>(&mut self, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        if self.show == Show::Metadata { &[] } else { self.text(bytes, out) }
    }

    fn text<'a>(&mut self, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        self.ranges.clear();
        if let Some(names) = self.names {
            text::scan(bytes, 0, bytes.len(), Kind::Free, names, self.ranges);
        }
        self.applied(bytes, out)
    }

    fn applied<'a>(&mut self, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        if self.ranges.is_empty() {
            return bytes;
        }
        self.ranges.apply(bytes, Style::Fixed, out, None);
        out
    }

    /// Written anew from the first field that holds a secret.
    fn headers<'a>(&mut self, all: Headers<'a>, out: &'a mut Head) -> Headers<'a> {
        if self.show == Show::Metadata {
            return Headers::default();
        }
        let Some(names) = self.names else { return all };
        let mut changed = false;
        for (index, field) in all.iter().enumerate() {
            self.ranges.clear();
            let value = field.value.unwrap_or_default();
            header::scan(field.name, value, names, self.ranges);
            if !self.ranges.is_empty() {
                if !changed {
                    out.clear();
                    all.iter().take(index).for_each(|before| out.push(before.name, before.value));
                }
                changed = true;
                self.ranges.apply(value, Style::Fixed, self.scratch, None);
                out.push(field.name, Some(self.scratch));
            } else if changed {
                out.push(field.name, field.value);
            }
        }
        if changed { out.headers() } else { all }
    }

    /// Lengths stand before the strings of a binary message.
    fn rpc<'a>(
        &mut self,
        body: Body<'a>,
        described: Option<&Type>,
        out: &'a mut Vec<u8>,
        holes: &'a mut Vec<Hole>,
    ) -> Body<'a> {
        let (Some(of), Some(names), Show::All) = (described, self.names, self.show) else {
            return self.body(body, Kind::Free, Style::SameLength, out, holes);
        };
        if !body.holes.is_empty() || body.problem == Some(Problem::UnknownCoding) {
            // Which field the bytes belong to can't be known.
            return empty(body);
        }
        self.ranges.clear();
        let mut search = Search { bytes: body.bytes, names, ranges: self.ranges };
        search.message(0, body.bytes.len(), of, false, 0);
        if self.ranges.is_empty() {
            return body;
        }
        self.ranges.apply(body.bytes, Style::SameLength, out, None);
        Body { bytes: out, masked: Some(body.bytes.len() as u64), ..body }
    }

    fn body<'a>(
        &mut self,
        body: Body<'a>,
        kind: Kind,
        style: Style,
        out: &'a mut Vec<u8>,
        holes: &'a mut Vec<Hole>,
    ) -> Body<'a> {
        if self.show != Show::All {
            return empty(body);
        }
        let Some(names) = self.names else { return body };
        let len = body.bytes.len();
        self.ranges.clear();
        if body.problem == Some(Problem::UnknownCoding) {
            // It can't be looked into.
            return empty(body);
        }
        let mut from = 0;
        for hole in body.holes.iter().map(Some).chain([None]) {
            let to = hole.map_or(len, |hole| hole.at.clamp(from, len));
            text::scan(body.bytes, from, to, kind, names, self.ranges);
            from = to;
            if let Some(hole) = hole {
                let next = body.holes.iter().find(|next| next.at > hole.at);
                let end = next.map_or(len, |next| next.at.clamp(from, len));
                self.ranges.push(from..text::unsure(body.bytes, from, end, kind));
            }
        }
        if self.ranges.is_empty() {
            return body;
        }
        holes.clear();
        holes.extend_from_slice(body.holes);
        self.ranges.apply(body.bytes, style, out, Some(holes));
        Body { bytes: out, holes, masked: Some(len as u64), ..body }
    }
}

/// Its size stays: all of it counts as not shown.
fn empty(body: Body<'_>) -> Body<'_> {
    Body { bytes: &[], holes: &[], ..body }
}

fn without_query(line: RequestLine<'_>) -> RequestLine<'_> {
    let end = |target: &[u8]| target.iter().position(|byte| b"?#".contains(byte));
    let target = line.target.map(|target| &target[..end(target).unwrap_or(target.len())]);
    let user = |authority: &[u8]| authority.iter().rposition(|&byte| byte == b'@');
    let authority =
        line.authority.map(|authority| &authority[user(authority).map_or(0, |at| at + 1)..]);
    RequestLine { authority, target, ..line }
}
