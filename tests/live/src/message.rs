//! Messages as ecapture's JSON tells of them.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

/// The messages of a process, in the order in which they were told.
#[track_caller]
pub fn messages(output: &Path, pid: u32) -> Vec<Value> {
    let text = fs::read_to_string(output).expect("an output");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["type"] == "message" && line["pid"] == pid).collect()
}

/// The bytes of a message's body that are shown.
#[track_caller]
pub fn body(message: &Value) -> Vec<u8> {
    let body = &message["body"];
    match body["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => BASE64_STANDARD.decode(body["base64"].as_str().unwrap_or("")).expect("base64"),
    }
}

/// Those of one kind.
pub fn of_kind<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["kind"] == kind).collect()
}

/// The bodies of whole responses of status 200 by the path that was asked for.
#[track_caller]
pub fn answers(messages: &[Value]) -> BTreeMap<String, Vec<u8>> {
    let mut told = BTreeMap::new();
    for response in of_kind(messages, "response") {
        assert_whole(response);
        assert_eq!(response["status"], 200, "{response}");
        let path = response["request"]["target"].as_str().expect("a path");
        told.insert(path.to_owned(), body(response));
    }
    told
}

/// Checks that nothing is wrong with a message.
#[track_caller]
pub fn assert_whole(message: &Value) {
    assert_eq!(message["flaws"].as_array().map(Vec::len), Some(0), "{message}");
    assert_eq!(message["body"]["problem"], Value::Null, "{message}");
}
