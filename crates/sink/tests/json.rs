//! JSON lines: as docs/json.md shows them, and as docs/ecapture.schema.json allows them.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod sample;

use std::path::Path;

use base64::Engine as _;
use jsonschema::Validator;
use sample::{close, comm, conn, gap, piece, summary, unknown};
use serde_json::{Value, json};
use sink::{Json, Sink};
use stream::{AddrSource, CloseReason, Conn, Dir, Gap, GapReason, Piece};

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

/// One of each type: the examples of docs/json.md.
fn examples() -> Vec<String> {
    let request = Piece { tid: 1234, ..piece(Dir::Write, b"GET / HTTP/1.1\r\n\r\n") };
    vec![
        line(|json, out| json.open(out, &conn(), sample::TIME)),
        data(&conn(), &request),
        line(|json, out| json.gap(out, &conn(), &gap())),
        line(|json, out| json.close(out, &conn(), &close())),
        line(|json, out| json.summary(out, &summary())),
    ]
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
    for example in examples() {
        let line: Value = serde_json::from_str(&example).unwrap();
        for field in line.as_object().unwrap().keys() {
            assert!(document.contains(&format!("| `{field}` |")), "{field}");
        }
    }
}

#[test]
fn the_schema_allows_every_line() {
    let schema = schema();
    for text in examples().into_iter().chain(edges()) {
        let line: Value = serde_json::from_str(&text).unwrap();
        if let Err(error) = schema.validate(&line) {
            panic!("{error} at {}: {text}", error.instance_path());
        }
    }
}

#[test]
fn the_schema_needs_every_field_and_allows_no_other() {
    let schema = schema();
    for example in examples() {
        let line: Value = serde_json::from_str(&example).unwrap();
        for field in line.as_object().unwrap().keys() {
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(!schema.is_valid(&without), "without {field}: {example}");
            let mut wrong = line.clone();
            wrong[field] = json!([]);
            assert!(!schema.is_valid(&wrong), "wrong {field}: {example}");
        }
        let mut more = line.clone();
        more["more"] = json!(1);
        assert!(!schema.is_valid(&more), "with more: {example}");
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
