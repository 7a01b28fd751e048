//! Any bytes as records of typed lines: through decoding, joining and both formats.
//!
//! An input is records, each with its length before it as 32 bits. Nothing may panic, no command may
//! be longer than its limit, text must be safe on a terminal and JSON must be JSON.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use line::{COMMAND_MAX, Command, Commands, Record};
use serde::de::IgnoredAny;
use sink::{Precision, TimeZone, Typed, TypedLines};

fuzz_target!(|input: &[u8]| {
    let (mut commands, mut told) = (Commands::default(), Vec::new());
    let mut rest = input;
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = u32::from_le_bytes(*len) as usize;
        let (record, after) = after.split_at(len.min(after.len()));
        rest = after;
        if let Ok(record) = Record::decode(record) {
            assert!(record.text.len() <= len);
            commands.push(&record, |command| told.push(command));
        }
    }
    commands.finish(|command| told.push(command));
    told.iter().for_each(check);
    // Nothing is held any more.
    commands.finish(|command| panic!("told twice: {command:?}"));
});

fn check(command: &Command) {
    assert!(command.text.len() <= COMMAND_MAX);
    assert!(!command.text.trim_ascii().is_empty() || command.missing.is_some());
    let typed = Typed { command, time: command.time_ns, user: None, exe: "e", lib: "l" };
    let (mut text, mut json) = (Vec::new(), Vec::new());
    TypedLines::text(TimeZone::UTC, Precision::Nanos, false).command(&mut text, &typed);
    TypedLines::json().command(&mut json, &typed);
    let text = String::from_utf8(text).unwrap();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    serde_json::from_slice::<IgnoredAny>(&json).unwrap();
    assert_eq!(json.iter().filter(|&&byte| byte == b'\n').count(), 1);
}
