//! JSON lines: as docs/json.md shows them, and as docs/ecapture.schema.json allows them.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod sample;

use std::path::Path;

use base64::Engine as _;
use jsonschema::Validator;
use sample::{close, comm, conn, fields, gap, piece, summary, unknown};
use serde_json::{Value, json};
use sink::{Json, Sink};
use stream::message::{
    Body, Command, Content, Control, Flaw, Frame, Hole, Outcome, Part, Problem, Query, RequestLine,
    Response, Rpc, ServerEvent, SqlError, What, Wire,
};
use stream::protobuf::Descriptors;
use stream::{AddrSource, CloseReason, Conn, Dir, Gap, GapReason, Message, Piece};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn schema() -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&document("ecapture.schema.json")).unwrap())
        .unwrap()
}

fn line(write: impl FnOnce(&mut Json, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut Json::new(), &mut out);
    let line = String::from_utf8(out).unwrap();
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "one line: {line:?}");
    line.trim_end().to_owned()
}

fn data(conn: &Conn, piece: &Piece<'_>) -> String {
    line(|json, out| json.data(out, conn, piece))
}

fn message(message: &Message<'_>) -> String {
    line(|json, out| json.message(out, &conn(), message))
}

/// One of each type: the examples of docs/json.md.
fn examples() -> Vec<String> {
    let request = Piece { tid: 1234, ..piece(Dir::Write, b"GET / HTTP/1.1\r\n\r\n") };
    vec![
        line(|json, out| json.open(out, &conn(), sample::TIME)),
        data(&conn(), &request),
        message(&sample::request(&fields(&[("Host", "localhost")]))),
        message(&sample::response(
            &fields(&[("Content-type", "text/plain")]),
            Body::plain(b"hello over TLS\n"),
        )),
        line(|json, out| json.gap(out, &conn(), &gap())),
        line(|json, out| json.close(out, &conn(), &close())),
        line(|json, out| json.summary(out, &summary())),
    ]
}

/// Messages of every kind, with all that can be wrong.
fn kinds() -> Vec<String> {
    let hole = [Hole { at: 1, len: None }, Hole { at: 2, len: Some(3) }];
    let problem = Some(Problem::Corrupt);
    let payload = Body {
        bytes: b"\xff\0",
        len: 9,
        holes: &hole,
        problem,
        masked: Some(4),
        ..Body::default()
    };
    let control = Control { frame: "RST_STREAM", error: Some("CANCEL"), detail: b"\xff" };
    let mut params = fields(&[("int4", "7")]);
    params.push(None, None);
    let whats = [
        What::Unanswered,
        What::Event(ServerEvent { event: b"e", data: b"a\nb", id: b"", retry: Some(1) }),
        What::Frame(Frame { opcode: 8, payload, fragments: 1, close: Some(1000) }),
        What::Rpc(Rpc { number: 1, answer: true, payload }),
        What::Control(control),
        What::Control(Control { error: None, ..control }),
        What::Loose(b"\xff"),
        What::Query(Query::default()),
        What::Query(Query {
            command: Command::Execute,
            db: Some(b"shop"),
            user: Some(b"\xff"),
            server_id: Some(u64::MAX),
            statement: payload,
            params: params.headers(),
            outcome: Outcome::Error,
            rows: Some(5),
            results: 2,
            tag: b"INSERT 0 5",
            copied: Some(6),
            error: Some(SqlError { sqlstate: b"42P01", number: Some(1146), message: b"\"" }),
            answer: Wire { pos: 7, len: 8 },
            first_byte: Some(1),
            total: Some(2),
        }),
        What::Response(Response {
            part: Part::End,
            reason: b"\xff",
            content: Content { body: payload, ..Content::default() },
            first_byte: None,
            total: None,
        }),
    ];
    let mut lines = Vec::new();
    for what in whats {
        let mut wrong = sample::message(Dir::Read, what);
        Flaw::ALL.into_iter().for_each(|flaw| wrong.flaws.add(flaw));
        lines.push(message(&wrong));
        wrong.request = Some(RequestLine::default());
        (wrong.stream, wrong.by.tid, wrong.status) = (Some(u32::MAX), None, Some(999));
        lines.push(message(&wrong));
        lines.push(message(&Message { request: None, ..wrong }));
    }
    let mut head = fields(&[("a", "b")]);
    head.push(None, None);
    lines.push(message(&sample::request(&head)));
    lines.push(described());
    lines
}

/// A message of gRPC whose fields have names.
fn described() -> String {
    let mut descriptors = Descriptors::default();
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs/proto/shop.pb");
    descriptors.add(&std::fs::read(set).unwrap()).unwrap();
    let payload = Body::plain(b"\x08\x05\x12\x03ann\x18\x07");
    let mut placed =
        sample::message(Dir::Write, What::Rpc(Rpc { number: 1, answer: false, payload }));
    placed.request = Some(RequestLine { target: Some(b"/shop.Orders/Place"), ..sample::ASKED });
    let mut out = Vec::new();
    Json::describing(descriptors).message(&mut out, &conn(), &placed);
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Where the objects of a line are, itself included, without those whose names a stranger chooses.
fn objects(value: &Value, at: String, found: &mut Vec<String>) {
    let within: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            found.push(at.clone());
            fields.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in within.iter().filter(|(name, _)| at != "/proto" || name != "fields") {
        objects(value, format!("{at}/{name}"), found);
    }
}

/// Lines at the edges of what can be.
fn edges() -> Vec<String> {
    let mut lines = Vec::new();
    for reason in GapReason::ALL {
        let gap = Gap { tid: Some(u32::MAX), pos: u64::MAX, reason, ..gap() };
        lines.push(line(|json, out| json.gap(out, &unknown(), &gap)));
    }
    for reason in CloseReason::ALL {
        let close = stream::Close { reason, unfinished: [None, None], ..close() };
        lines.push(line(|json, out| json.close(out, &unknown(), &close)));
    }
    let v6 = Conn {
        local: Some("[::1]:1".parse().unwrap()),
        remote: Some("[2001:db8::1]:65535".parse().unwrap()),
        addr_source: AddrSource::CallSocket,
        exe: "quote\" back\\ tab\t nul\0 é".into(),
        ..conn()
    };
    let peek = Piece { peek: true, comm: comm(b"\xff\x1b\"\\\n"), ..piece(Dir::Read, b"") };
    lines.push(data(&v6, &peek));
    lines.push(line(|json, out| json.open(out, &unknown(), 0)));
    lines.push(line(|json, out| json.open(out, &v6, u64::MAX)));
    let unhooked = ["no-hold", "refused", "late", "too-long", "lost"].map(|reason| {
        let comm = "\x1b\"".to_owned();
        sink::Unhooked { reason, comm, ns: None, ..sample::unhooked() }
    });
    let summary = sink::Summary { unhooked: unhooked.to_vec(), ..sink::Summary::default() };
    lines.push(line(|json, out| json.summary(out, &summary)));
    lines.push(line(|json, out| json.summary(out, &sink::Summary::default())));
    lines
}

#[test]
fn the_documentation_shows_real_lines() {
    let document = document("json.md");
    let shown: Vec<&str> = document.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(shown, examples());
}

#[test]
fn the_documentation_names_every_field() {
    let document = document("json.md");
    for example in examples().into_iter().chain(kinds()) {
        let line: Value = serde_json::from_str(&example).unwrap();
        for field in line.as_object().unwrap().keys() {
            assert!(document.contains(&format!("| `{field}` |")), "{field}");
        }
        let mut places = Vec::new();
        objects(&line, String::new(), &mut places);
        for place in &places {
            for field in line.pointer(place).unwrap().as_object().unwrap().keys() {
                assert!(document.contains(&format!("`{field}`")), "{field} of {place}");
            }
        }
    }
}

#[test]
fn the_schema_allows_every_line() {
    let schema = schema();
    for text in examples().into_iter().chain(edges()).chain(kinds()) {
        let line: Value = serde_json::from_str(&text).unwrap();
        if let Err(error) = schema.validate(&line) {
            panic!("{error} at {}: {text}", error.instance_path());
        }
    }
}

#[test]
fn the_schema_needs_every_field_and_allows_no_other() {
    let schema = schema();
    for example in examples().into_iter().chain(kinds()) {
        let line: Value = serde_json::from_str(&example).unwrap();
        for field in line.as_object().unwrap().keys() {
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(!schema.is_valid(&without), "without {field}: {example}");
            let mut wrong = line.clone();
            wrong[field] = json!([7]);
            assert!(!schema.is_valid(&wrong), "wrong {field}: {example}");
        }
        let mut places = Vec::new();
        objects(&line, String::new(), &mut places);
        for place in places {
            let mut more = line.clone();
            more.pointer_mut(&place).unwrap()["more"] = json!(1);
            assert!(!schema.is_valid(&more), "with more in {place:?}: {example}");
            for field in line.pointer(&place).unwrap().as_object().unwrap().keys() {
                let mut without = line.clone();
                without.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(field);
                assert!(!schema.is_valid(&without), "without {field} in {place:?}: {example}");
            }
        }
    }
}

#[test]
fn payload_of_every_length_reads_back() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    for len in (0..100).chain([999, 1_000]) {
        let line: Value =
            serde_json::from_str(&data(&conn(), &piece(Dir::Write, &bytes[..len]))).unwrap();
        let text = line["data"].as_str().unwrap();
        let back = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        assert_eq!(back, bytes[..len]);
        assert_eq!(line["len"], len);
    }
}

#[test]
fn unknown_is_null_and_never_zeros() {
    let line: Value = serde_json::from_str(&data(&unknown(), &piece(Dir::Read, b"x"))).unwrap();
    assert_eq!((&line["local"], &line["remote"]), (&Value::Null, &Value::Null));
    assert_eq!(line["addr_source"], "unknown");
    let line: Value =
        serde_json::from_str(&self::line(|json, out| json.gap(out, &conn(), &gap()))).unwrap();
    assert_eq!(line["tid"], Value::Null);
}
