//! A message that outlives the call in which it was told.

use super::{
    Body, Content, Control, Frame, Head, Headers, Hole, Line, Message, Query, Response, Rpc,
    ServerEvent, SqlError, What,
};

/// A copy of a [`Message`].
#[derive(Debug, Clone)]
pub struct Kept {
    /// The message, with nothing in the places that borrow.
    plain: Message<'static>,
    request: Option<Line>,
    headers: Head,
    trailers: Head,
    /// The body, the payload or the data.
    bytes: Vec<u8>,
    coding: Vec<u8>,
    holes: Vec<Hole>,
    /// The reason of a response, the type of an event, the detail of a control frame.
    word: Vec<u8>,
    /// The ID of an event.
    id: Vec<u8>,
    /// Of a query: database, user, SQLSTATE and the error's words.
    names: [Vec<u8>; 4],
}

impl Kept {
    /// Bytes that it keeps on the heap.
    pub fn len(&self) -> usize {
        let lists = [&self.bytes, &self.coding, &self.word, &self.id];
        let lists: usize = lists.into_iter().chain(&self.names).map(Vec::len).sum();
        let request = self.request.as_ref().map_or(0, Line::len);
        // A field's two places take 16 bytes, a hole up to 24.
        let fields = 16 * (self.headers.headers().count() + self.trailers.headers().count());
        let heads = self.headers.len() + self.trailers.len() + fields;
        lists + request + heads + 24 * self.holes.len()
    }

    /// Whether it keeps nothing on the heap.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message.
    pub fn message(&self) -> Message<'_> {
        let mut message = self.plain;
        message.request = self.request.as_ref().map(Line::line);
        message.what = match self.plain.what {
            What::Request(content) => What::Request(self.content(content)),
            What::Response(response) => What::Response(Response {
                reason: &self.word,
                content: self.content(response.content),
                ..response
            }),
            What::Unanswered => What::Unanswered,
            What::Event(event) => What::Event(ServerEvent {
                event: &self.word,
                data: &self.bytes,
                id: &self.id,
                ..event
            }),
            What::Frame(frame) => What::Frame(Frame { payload: self.body(frame.payload), ..frame }),
            What::Rpc(rpc) => What::Rpc(Rpc { payload: self.body(rpc.payload), ..rpc }),
            What::Control(control) => What::Control(Control { detail: &self.word, ..control }),
            What::Query(query) => What::Query(self.query(query)),
            What::Loose(_) => What::Loose(&self.bytes),
        };
        message
    }

    fn query<'a>(&'a self, plain: Query<'a>) -> Query<'a> {
        let [db, user, sqlstate, words] = &self.names;
        Query {
            db: plain.db.map(|_| db.as_slice()),
            user: plain.user.map(|_| user.as_slice()),
            statement: self.body(plain.statement),
            params: self.headers.headers(),
            tag: &self.word,
            error: plain.error.map(|error| SqlError { sqlstate, message: words, ..error }),
            ..plain
        }
    }

    fn keep_query(&mut self, query: &Query<'_>) -> Query<'static> {
        self.headers = Head::from(&query.params);
        self.word = query.tag.to_vec();
        let error = query.error.unwrap_or_default();
        let names = [query.db, query.user, Some(error.sqlstate), Some(error.message)];
        self.names = names.map(|name| name.unwrap_or_default().to_vec());
        let Query { command, server_id, outcome, rows, results, copied, answer, .. } = *query;
        let (first_byte, total) = (query.first_byte, query.total);
        Query {
            command,
            db: query.db.map(|_| &b""[..]),
            user: query.user.map(|_| &b""[..]),
            server_id,
            statement: self.keep_body(&query.statement),
            params: Headers::default(),
            outcome,
            rows,
            results,
            tag: b"",
            copied,
            error: query.error.map(|error| SqlError { sqlstate: b"", message: b"", ..error }),
            answer,
            first_byte,
            total,
        }
    }

    fn content<'a>(&'a self, plain: Content<'a>) -> Content<'a> {
        Content {
            headers: self.headers.headers(),
            body: self.body(plain.body),
            trailers: self.trailers.headers(),
        }
    }

    fn body<'a>(&'a self, plain: Body<'a>) -> Body<'a> {
        Body { bytes: &self.bytes, coding: &self.coding, holes: &self.holes, ..plain }
    }

    fn keep_content(&mut self, content: &Content<'_>) -> Content<'static> {
        self.headers = Head::from(&content.headers);
        self.trailers = Head::from(&content.trailers);
        Content {
            headers: Headers::default(),
            body: self.keep_body(&content.body),
            trailers: Headers::default(),
        }
    }

    fn keep_body(&mut self, body: &Body<'_>) -> Body<'static> {
        self.bytes = body.bytes.to_vec();
        self.coding = body.coding.to_vec();
        self.holes = body.holes.to_vec();
        let Body { len, wire_len, problem, masked, .. } = *body;
        Body { bytes: b"", len, wire_len, coding: b"", holes: &[], problem, masked }
    }
}

impl From<&Message<'_>> for Kept {
    fn from(message: &Message<'_>) -> Self {
        let Message { begun, ended, by, dir, protocol, stream, exchange, wire, flaws, .. } =
            *message;
        let (status, what) = (message.status, What::Unanswered);
        let plain = Message {
            begun,
            ended,
            by,
            dir,
            protocol,
            stream,
            exchange,
            wire,
            flaws,
            request: None,
            status,
            what,
        };
        let mut kept = Self {
            plain,
            request: message.request.as_ref().map(Line::from),
            headers: Head::new(),
            trailers: Head::new(),
            bytes: Vec::new(),
            coding: Vec::new(),
            holes: Vec::new(),
            word: Vec::new(),
            id: Vec::new(),
            names: Default::default(),
        };
        kept.plain.what = match &message.what {
            What::Request(content) => What::Request(kept.keep_content(content)),
            What::Response(response) => {
                kept.word = response.reason.to_vec();
                let content = kept.keep_content(&response.content);
                let Response { part, first_byte, total, .. } = *response;
                What::Response(Response { part, reason: b"", content, first_byte, total })
            }
            What::Unanswered => What::Unanswered,
            What::Event(event) => {
                kept.word = event.event.to_vec();
                kept.bytes = event.data.to_vec();
                kept.id = event.id.to_vec();
                What::Event(ServerEvent { event: b"", data: b"", id: b"", retry: event.retry })
            }
            What::Frame(frame) => {
                let payload = kept.keep_body(&frame.payload);
                let Frame { opcode, fragments, close, .. } = *frame;
                What::Frame(Frame { opcode, payload, fragments, close })
            }
            What::Rpc(rpc) => {
                let payload = kept.keep_body(&rpc.payload);
                let Rpc { number, answer, .. } = *rpc;
                What::Rpc(Rpc { number, answer, payload })
            }
            What::Control(control) => {
                kept.word = control.detail.to_vec();
                let Control { frame, error, .. } = *control;
                What::Control(Control { frame, error, detail: b"" })
            }
            What::Query(query) => What::Query(kept.keep_query(query)),
            What::Loose(bytes) => {
                kept.bytes = bytes.to_vec();
                What::Loose(b"")
            }
        };
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::{By, Command, Flaw, Flaws, Outcome, Part, Protocol, RequestLine, Wire};
    use super::*;
    use crate::Dir;

    fn heads() -> (Head, Head) {
        let (mut headers, mut trailers) = (Head::new(), Head::new());
        headers.push(Some(b"A"), Some(b"1"));
        headers.push(None, Some(b"2"));
        trailers.push(Some(b"T"), None);
        (headers, trailers)
    }

    #[test]
    fn a_copy_says_the_same() {
        let (headers, trailers) = heads();
        let holes = [Hole { at: 2, len: Some(7) }];
        let body = Body {
            bytes: b"body",
            len: 99,
            wire_len: 50,
            coding: b"gzip",
            holes: &holes,
            problem: Some(super::super::Problem::Gap),
            masked: Some(12),
        };
        let content = Content { headers: headers.headers(), body, trailers: trailers.headers() };
        let (part, first_byte, total) = (Part::End, Some(1), None);
        let response = Response { part, reason: b"Fine", content, first_byte, total };
        let event = ServerEvent { event: b"tick", data: b"d", id: b"9", retry: Some(3) };
        let query = Query {
            command: Command::Execute,
            db: Some(b"shop"),
            user: None,
            server_id: Some(7),
            statement: body,
            params: headers.headers(),
            outcome: Outcome::Error,
            rows: Some(5),
            results: 2,
            tag: b"INSERT 0 5",
            copied: Some(6),
            error: Some(SqlError { sqlstate: b"42P01", number: Some(1146), message: b"none" }),
            answer: Wire { pos: 7, len: 8 },
            first_byte: Some(1),
            total: None,
        };
        let whats = [
            What::Query(query),
            What::Query(Query::default()),
            What::Request(content),
            What::Response(response),
            What::Unanswered,
            What::Event(event),
            What::Frame(Frame { opcode: 1, payload: body, fragments: 2, close: Some(1000) }),
            What::Rpc(Rpc { number: 4, answer: true, payload: body }),
            What::Control(Control { frame: "GOAWAY", error: Some("NO_ERROR"), detail: b"why" }),
            What::Loose(b"loose"),
        ];
        for what in whats {
            let line = RequestLine { method: Some(b"GET"), ..RequestLine::default() };
            let message = Message {
                begun: 1,
                ended: 2,
                by: By::default(),
                dir: Dir::Write,
                protocol: Protocol::Http2,
                stream: Some(3),
                exchange: 4,
                wire: Wire { pos: 5, len: 6 },
                flaws: Flaws::NONE.with(Flaw::Cut),
                request: Some(line),
                status: Some(200),
                what,
            };
            let kept = Kept::from(&message);
            assert_eq!(format!("{:?}", kept.message()), format!("{message:?}"));
            assert!(kept.len() >= 3);
        }
    }
}
