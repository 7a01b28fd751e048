//! Command lines, for people and for programs.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use line::Command;

use crate::time::{Precision, Stamp, push_duration};
use crate::{TimeZone, escape};

/// A command, and names for the numbers in it.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// The command.
    pub command: &'a Command,
    /// When it was typed: nanoseconds since 1970.
    pub time: u64,
    /// The user's name, if there is one.
    pub user: Option<&'a str>,
    /// The program; empty if it is not known.
    pub exe: &'a str,
    /// The file with the probed function.
    pub lib: &'a str,
}

/// What a run of command lines came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypedSummary {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Commands that were shown.
    pub commands: u64,
    /// Processes that they were typed to.
    pub processes: u64,
    /// Commands that were not shown because of their exit status.
    pub left_out: u64,
    /// Shown commands of which a part is missing.
    pub incomplete: u64,
    /// Records that found no room in the ring.
    pub lost_events: u64,
}

/// Writes commands in a format; nothing here does any I/O.
#[derive(Debug, Clone)]
pub struct TypedLines(Format);

#[derive(Debug, Clone)]
enum Format {
    Text { stamp: Stamp, colour: bool },
    Json(Stamp),
}

const GREEN: &[u8] = b"\x1b[32m";
const RED: &[u8] = b"\x1b[31m";
const RESET: &[u8] = b"\x1b[0m";

impl TypedLines {
    /// For people: one line, and one for each further line of the command.
    pub fn text(zone: TimeZone, precision: Precision, colour: bool) -> Self {
        Self(Format::Text { stamp: Stamp::local(zone, precision), colour })
    }

    /// For programs: one JSON object per command, as docs/commands.md says.
    pub fn json() -> Self {
        Self(Format::Json(Stamp::rfc3339()))
    }

    /// Appends a command.
    pub fn command(&mut self, out: &mut Vec<u8>, typed: &Typed<'_>) {
        match &mut self.0 {
            Format::Text { stamp, colour } => text(out, stamp, *colour, typed),
            Format::Json(stamp) => json(out, stamp, typed),
        }
    }

    /// Appends the summary.
    pub fn summary(&mut self, out: &mut Vec<u8>, summary: &TypedSummary) {
        let TypedSummary { time, commands, processes, left_out, incomplete, lost_events } =
            *summary;
        // Writing to a Vec does not fail.
        match &mut self.0 {
            Format::Text { .. } => {
                let _ = writeln!(
                    out,
                    "{} of {}, {left_out} with another exit status, {incomplete} incomplete, \
                     {lost_events} records lost",
                    plural(commands, "command", "commands"),
                    plural(processes, "process", "processes"),
                );
            }
            Format::Json(stamp) => {
                begin(out, stamp, "summary", time);
                let _ = writeln!(
                    out,
                    ",\"commands\":{commands},\"processes\":{processes},\"left_out\":{left_out},\
                     \"incomplete\":{incomplete},\"lost_events\":{lost_events}}}"
                );
            }
        }
    }
}

/// `2026-11-23 05:15:00.123456 bash[812] alice pts/3 of 800, exit 0, 1.05 ms $ ls`.
fn text(out: &mut Vec<u8>, stamp: &mut Stamp, colour: bool, typed: &Typed<'_>) {
    let command = typed.command;
    if colour {
        out.extend_from_slice(if command.status.unwrap_or(0) == 0 { GREEN } else { RED });
    }
    stamp.push(out, typed.time);
    out.push(b' ');
    escape::name(out, command.comm());
    // Writing to a Vec does not fail.
    let _ = write!(out, "[{}] ", command.pid);
    match typed.user {
        Some(user) => escape::name(out, user.as_bytes()),
        None => drop(write!(out, "uid {}", command.uid)),
    }
    out.push(b' ');
    match &command.tty()[..] {
        b"" => out.extend_from_slice(b"no-tty"),
        tty => escape::name(out, tty),
    }
    let _ = write!(out, " of {}", command.ppid);
    if let Some(status) = command.status {
        let _ = write!(out, ", exit {status}");
    }
    if let Some(ran) = command.ran_ns() {
        out.extend_from_slice(b", ");
        push_duration(out, ran);
    }
    if colour {
        out.extend_from_slice(RESET);
    }
    for (index, line) in command.text.split(|&byte| byte == b'\n').enumerate() {
        out.extend_from_slice(if index == 0 { b" $ " } else { b"\n  > " });
        escape::name(out, line);
    }
    if let Some(missing) = command.missing {
        let _ = write!(out, "\n  [after {} bytes: {missing}]", command.text.len());
    }
    out.push(b'\n');
}

fn json(out: &mut Vec<u8>, stamp: &mut Stamp, typed: &Typed<'_>) {
    let command = typed.command;
    begin(out, stamp, "command", typed.time);
    // Writing to a Vec does not fail.
    let _ =
        write!(out, ",\"pid\":{},\"ppid\":{},\"uid\":{}", command.pid, command.ppid, command.uid);
    push_text(out, "user", typed.user.map(str::as_bytes));
    push_text(out, "comm", Some(command.comm()));
    push_text(out, "exe", Some(typed.exe.as_bytes()));
    push_text(out, "lib", Some(typed.lib.as_bytes()));
    let tty = command.tty();
    push_text(out, "tty", Some(&tty[..]).filter(|tty| !tty.is_empty()));
    push_number(out, "status", command.status);
    push_number(out, "ns", command.ran_ns());
    push_text(out, "text", Some(&command.text));
    // Text that is not UTF-8 can't be told from U+FFFD.
    let exact = std::str::from_utf8(&command.text).is_err().then(|| STANDARD.encode(&command.text));
    push_text(out, "data", exact.as_deref().map(str::as_bytes));
    push_text(out, "missing", command.missing.map(|missing| missing.name().as_bytes()));
    out.extend_from_slice(b"}\n");
}

fn begin(out: &mut Vec<u8>, stamp: &mut Stamp, kind: &str, time: u64) {
    let _ = write!(out, "{{\"type\":\"{kind}\",\"time\":\"");
    stamp.push(out, time);
    out.push(b'"');
}

fn push_text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let _ = write!(out, ",\"{name}\":");
    match value {
        Some(value) => escape::json(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_number(out: &mut Vec<u8>, name: &str, value: Option<impl std::fmt::Display>) {
    let _ = match value {
        Some(value) => write!(out, ",\"{name}\":{value}"),
        None => write!(out, ",\"{name}\":null"),
    };
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
