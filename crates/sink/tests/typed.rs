//! Command lines: as text, and as docs/commands.md and docs/ecapture.schema.json have them.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::path::Path;

use jsonschema::Validator;
use line::{Command, Missing};
use serde_json::{Value, json};
use sink::{Precision, TimeZone, Typed, TypedLines, TypedSummary};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn schema() -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&document("ecapture.schema.json")).unwrap())
        .unwrap()
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

fn command(text: &[u8]) -> Command {
    Command {
        time_ns: 1_000_000,
        ended_ns: Some(4_120_000),
        pid: 812,
        ppid: 800,
        uid: 1000,
        file: 0,
        comm: padded("bash"),
        tty: padded("pts3"),
        text: text.to_vec(),
        missing: None,
        status: Some(2),
    }
}

fn typed(command: &Command) -> Typed<'_> {
    let time = 1_795_410_900_123_456_789;
    let bash = "/usr/bin/bash";
    Typed { command, time, user: Some("alice"), exe: bash, lib: bash }
}

fn text(typed: &Typed<'_>) -> String {
    let mut out = Vec::new();
    TypedLines::text(TimeZone::UTC, Precision::Millis, false).command(&mut out, typed);
    String::from_utf8(out).unwrap()
}

fn line(write: impl FnOnce(&mut TypedLines, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut TypedLines::json(), &mut out);
    let line = String::from_utf8(out).unwrap();
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "one line: {line:?}");
    line.trim_end().to_owned()
}

fn json_of(command: &Command) -> Value {
    serde_json::from_str(&line(|lines, out| lines.command(out, &typed(command)))).unwrap()
}

fn summary() -> TypedSummary {
    TypedSummary {
        time: 1_795_410_900_123_456_789,
        commands: 12,
        processes: 3,
        left_out: 4,
        incomplete: 1,
        lost_events: 0,
    }
}

#[test]
fn a_command_is_a_line_and_its_further_lines_follow() {
    let one = command(b"ls -l");
    assert_eq!(
        text(&typed(&one)),
        "2026-11-23 05:15:00.123 bash[812] alice pts/3 of 800, exit 2, 3.12 ms $ ls -l\n"
    );
    let mut other =
        Command { status: None, ended_ns: None, tty: padded(""), ..command(b"a\nb\x1b") };
    other.missing = Some(Missing::Cut);
    assert_eq!(
        text(&Typed { user: None, ..typed(&other) }),
        "2026-11-23 05:15:00.123 bash[812] uid 1000 no-tty of 800 $ a\n  > b\\x1b\n  \
         [after 4 bytes: the rest is longer than what is taken]\n"
    );
}

#[test]
fn json_is_what_the_schema_allows_and_the_document_shows() {
    let (page, schema) = (document("commands.md"), schema());
    let shown = command(b"make -j4 \xc3\xa0");
    for line in [
        line(|lines, out| lines.command(out, &typed(&shown))),
        line(|lines, out| lines.summary(out, &summary())),
    ] {
        assert!(schema.is_valid(&serde_json::from_str(&line).unwrap()), "{line}");
        assert!(
            page.contains(&format!("```json\n{line}\n```")),
            "commands.md does not show {line}"
        );
    }
    let bare = Command {
        status: None,
        ended_ns: None,
        tty: padded(""),
        missing: Some(Missing::Lost),
        ..command(b"\xff")
    };
    let bare = json_of(&bare);
    assert!(schema.is_valid(&bare), "{bare}");
    assert_eq!((&bare["text"], &bare["data"]), (&json!("\u{fffd}"), &json!("/w==")));
    assert_eq!((&bare["missing"], &bare["tty"]), (&json!("lost"), &Value::Null));
}

#[test]
fn the_schema_knows_every_reason() {
    let schema = schema();
    for missing in [Missing::Cut, Missing::Lost, Missing::Unreadable] {
        let line = json_of(&Command { missing: Some(missing), ..command(b"x") });
        assert!(schema.is_valid(&line), "{line}");
    }
    let mut wrong = json_of(&command(b"x"));
    wrong["missing"] = json!("eaten");
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn the_summary_counts() {
    let mut out = Vec::new();
    TypedLines::text(TimeZone::UTC, Precision::Millis, false).summary(&mut out, &summary());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "12 commands of 3 processes, 4 with another exit status, 1 incomplete, 0 records lost\n"
    );
}
