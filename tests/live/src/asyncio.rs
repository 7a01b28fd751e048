//! HTTP/1.1 over asyncio, and messages against what the server logged.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    cert::Cert,
    message::{assert_whole, messages},
    process::Process,
    tree::{curl, python, source_path},
};

/// asyncio's server, which writes down what each connection moved.
#[derive(Debug)]
pub struct Asyncio {
    _process: Process,
    /// Its certificate; what it serves and logs is in the same directory.
    pub cert: Cert,
    /// The process.
    pub pid: u32,
    port: u16,
}

impl Asyncio {
    /// Starts it; the kernel chooses the port.
    #[track_caller]
    pub fn start() -> Self {
        let cert = Cert::new();
        let mut command = python();
        command.arg(source_path("tests/programs/python_http1.py"));
        command.arg(cert.pem()).arg(cert.key()).arg(cert.dir());
        let process = Process::start(command);
        let port = process.stdout_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
        Self { pid: process.pid(), _process: process, cert, port }
    }

    /// The address of one path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Has curl ask for these over one connection; its process.
    #[track_caller]
    pub fn curl(&self, args: &[&str], paths: &[&str]) -> u32 {
        let mut command = curl(&self.cert.pem());
        command.arg("--http1.1").args(args);
        for path in paths {
            command.args(["--output", "/dev/null"]).arg(self.url(path));
        }
        Process::start(command).finish().success().pid
    }

    /// Sends these bytes at once and reads so many; the process that did.
    #[track_caller]
    pub fn send(&self, bytes: &[u8], length: usize) -> u32 {
        let file = self.cert.dir().join("requests");
        fs::write(&file, bytes).expect("a file");
        let mut command = python();
        command.arg(source_path("tests/programs/python_pipeline.py"));
        command.arg(self.cert.pem()).arg(self.port.to_string()).arg(file);
        command.arg(length.to_string());
        let finished = Process::start(command).finish().success();
        assert_eq!(finished.stdout.len(), length, "{}", finished.stdout_text());
        finished.pid
    }

    /// What its connection of this number read and wrote.
    fn log(&self, number: usize) -> [Vec<u8>; 2] {
        let dir = self.cert.dir();
        ["read", "write"].map(|side| fs::read(dir.join(format!("{number}.{side}"))).expect("a log"))
    }
}

/// Checks both ends of the server's connection of this number: each byte that the server
/// logged is in one message, which says what stands there. Gives the client's messages.
#[track_caller]
pub fn assert_logged(server: &Asyncio, output: &Path, number: usize, client: u32) -> Vec<Value> {
    let [read, written] = server.log(number);
    let served = messages(output, server.pid);
    let mut conns: Vec<_> = served.iter().map(|m| m["conn"].as_u64()).collect();
    conns.dedup();
    let of_conn = served.into_iter().filter(|m| m["conn"].as_u64() == conns[number]);
    let ends = [of_conn.collect(), messages(output, client)];
    for (end, [requests, responses]) in ends.iter().zip([["read", "write"], ["write", "read"]]) {
        assert_direction(end, requests, &read);
        assert_direction(end, responses, &written);
    }
    let [_, client] = ends;
    client
}

#[track_caller]
fn assert_direction(messages: &[Value], dir: &str, log: &[u8]) {
    let mut at = 0;
    for message in messages.iter().filter(|message| message["dir"] == dir) {
        assert_whole(message);
        assert_eq!(message["pos"], at, "{message}");
        let len = message["len"].as_u64().expect("a length") as usize;
        assert_said(message, &log[at..at + len]);
        at += len;
    }
    assert_eq!(at, log.len(), "of all bytes, {dir}");
}

/// A message's line and fields stand in these bytes, in this order.
#[track_caller]
fn assert_said(message: &Value, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let first = lines.next().expect("a first line");
    let expected = match message["kind"].as_str() {
        Some("request") => {
            let part = |name: &str| message["request"][name].as_str().expect("a part");
            format!("{} {} HTTP/1.1", part("method"), part("target"))
        }
        _ => {
            let reason = message["reason"].as_str().expect("a reason");
            format!("HTTP/1.1 {} {reason}", message["status"])
        }
    };
    assert_eq!(first, expected);
    let told = message["headers"].as_array().expect("headers").iter();
    let told: Vec<_> = told
        .map(|field| [0, 1].map(|part| field[part].as_str().expect("a part").to_owned()))
        .collect();
    let sent: Vec<_> = lines
        .map(|line| line.split_once(':').expect("a field"))
        .map(|(name, value)| [name.to_owned(), value.trim().to_owned()])
        .collect();
    assert_eq!(told, sent);
}
