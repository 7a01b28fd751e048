//! Who is typing what: pieces become texts, texts become commands, and a prompt ends one.

use std::collections::HashMap;

use crate::command::{Command, Missing};
use crate::decode::{Record, What};
use crate::pieces::{Pieces, Text};

/// Processes of which something is held, at most; the most silent one's command is told when there
/// are more.
pub const SPEAKERS_MAX: usize = 16_384;
/// Bytes of one command, at most, over all its lines.
pub const COMMAND_MAX: usize = 4 << 20;
/// Bytes that are held over all commands, at most.
pub const HELD_MAX: usize = 64 << 20;

/// The commands that are being typed or run.
#[derive(Debug, Default)]
pub struct Commands {
    speakers: HashMap<u32, Speaker>,
    held: usize,
}

/// A process that reads lines.
#[derive(Debug)]
struct Speaker {
    start_ns: u64,
    heard_ns: u64,
    /// A text that is coming in.
    pieces: Option<Pieces>,
    /// A line that is about to be replaced.
    before: Option<Vec<u8>>,
    /// What was typed and not answered so far.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    command: Command,
    /// Where lines may still be replaced.
    from: usize,
    /// A line was refused, so that the status is that of an older command.
    refused: bool,
}

impl Commands {
    /// Takes a record; tells the command that it completes.
    pub fn push(&mut self, record: &Record<'_>, mut tell: impl FnMut(Command)) {
        let pid = record.head.tgid;
        let known = self.speakers.get(&pid).map(|speaker| speaker.start_ns);
        // Another process by now; how the old one ended was not told.
        if known.is_some_and(|start_ns| start_ns != record.head.start_ns) {
            self.drop_speaker(pid, &mut tell);
        }
        if known.is_none() && self.speakers.len() >= SPEAKERS_MAX {
            let silent = self.speakers.iter().min_by_key(|(_, speaker)| speaker.heard_ns);
            if let Some(pid) = silent.map(|(pid, _)| *pid) {
                self.drop_speaker(pid, &mut tell);
            }
        }
        let mut speaker = self.speakers.remove(&pid).unwrap_or_else(|| Speaker::new(record));
        self.held -= speaker.held();
        speaker.heard_ns = record.head.time_ns;
        let ended = speaker.take(record, HELD_MAX.saturating_sub(self.held), &mut tell);
        if !ended && !speaker.is_idle() {
            self.held += speaker.held();
            self.speakers.insert(pid, speaker);
        }
    }

    /// The capture ends: tells what was typed and not answered, in the order in which it was typed.
    pub fn finish(&mut self, tell: impl FnMut(Command)) {
        let mut left = Vec::new();
        for (_, speaker) in self.speakers.drain() {
            speaker.end(&mut |command| left.push(command));
        }
        self.held = 0;
        left.sort_by_key(|command| (command.time_ns, command.pid));
        left.into_iter().for_each(tell);
    }

    fn drop_speaker(&mut self, pid: u32, tell: &mut impl FnMut(Command)) {
        if let Some(speaker) = self.speakers.remove(&pid) {
            self.held -= speaker.held();
            speaker.end(tell);
        }
    }
}

impl Speaker {
    fn new(record: &Record<'_>) -> Self {
        let (start_ns, heard_ns) = (record.head.start_ns, record.head.time_ns);
        Self { start_ns, heard_ns, pieces: None, before: None, pending: None }
    }

    fn held(&self) -> usize {
        let pieces = self.pieces.as_ref().map_or(0, Pieces::held);
        let pending = self.pending.as_ref().map_or(0, |pending| pending.command.text.len());
        pieces + pending + self.before.as_ref().map_or(0, Vec::len)
    }

    fn is_idle(&self) -> bool {
        self.pieces.is_none() && self.before.is_none() && self.pending.is_none()
    }

    /// Takes a record. `room`: bytes that it may hold by now. Whether the program has ended.
    fn take(&mut self, record: &Record<'_>, room: usize, tell: &mut impl FnMut(Command)) -> bool {
        let text = matches!(record.what, What::Typed | What::Before | What::After);
        match self.pieces.take() {
            Some(mut pieces) if text && pieces.goes_on(record) => {
                let room = room.saturating_sub(self.held()).min(COMMAND_MAX);
                pieces.add(record, room.saturating_sub(pieces.held()));
                return self.settle(pieces, record, tell);
            }
            // What belongs to its end found no room.
            Some(pieces) => self.text(pieces.end(false), tell),
            None => {}
        }
        if text {
            let room = room.saturating_sub(self.held());
            return self.settle(Pieces::of(record, room.min(COMMAND_MAX)), record, tell);
        }
        match record.what {
            What::Prompt => self.answer(record.status, Some(record.head.time_ns), tell),
            What::Exec => self.answer(None, None, tell),
            What::Exit => self.answer(record.status, Some(record.head.time_ns), tell),
            What::Continues | What::Typed | What::Before | What::After => {}
        }
        matches!(record.what, What::Exec | What::Exit)
    }

    /// Keeps a text until its last piece is there.
    fn settle(
        &mut self,
        pieces: Pieces,
        record: &Record<'_>,
        tell: &mut impl FnMut(Command),
    ) -> bool {
        if record.last {
            self.text(pieces.end(true), tell);
        } else {
            self.pieces = Some(pieces);
        }
        false
    }

    fn text(&mut self, text: Text, tell: &mut impl FnMut(Command)) {
        match text.what {
            What::Before => self.before = Some(text.bytes),
            What::After => {
                if let (Some(before), Some(pending)) = (self.before.take(), &mut self.pending) {
                    pending.replace(&before, &text.bytes, text.missing);
                }
            }
            _ => {
                let awaits = text.awaits;
                match &mut self.pending {
                    Some(pending) => pending.add(text),
                    None => self.pending = Some(Pending::new(text)),
                }
                if !awaits {
                    self.answer(None, None, tell);
                }
            }
        }
    }

    /// The command is done with.
    fn answer(
        &mut self,
        status: Option<i32>,
        ended_ns: Option<u64>,
        tell: &mut impl FnMut(Command),
    ) {
        self.before = None;
        let Some(Pending { mut command, refused, .. }) = self.pending.take() else { return };
        if command.text.trim_ascii().is_empty() && command.missing.is_none() {
            return;
        }
        command.status = status.filter(|_| !refused);
        command.ended_ns = ended_ns;
        tell(command);
    }

    fn end(mut self, tell: &mut impl FnMut(Command)) {
        if let Some(pieces) = self.pieces.take() {
            self.text(pieces.end(false), tell);
        }
        self.answer(None, None, tell);
    }
}

impl Pending {
    fn new(text: Text) -> Self {
        let command = Command { text: text.bytes, missing: text.missing, ..text.by };
        Self { command, from: 0, refused: false }
    }

    /// Another line of it.
    fn add(&mut self, text: Text) {
        let command = &mut self.command;
        if text.missing.is_some() {
            command.missing = command.missing.or(text.missing);
        }
        let room = COMMAND_MAX.saturating_sub(command.text.len() + 1);
        let kept = &text.bytes[..text.bytes.len().min(room)];
        if kept.len() < text.bytes.len() {
            command.missing.get_or_insert(Missing::Cut);
        }
        if room > 0 {
            command.text.push(b'\n');
            command.text.extend_from_slice(kept);
        }
    }

    /// The shell means `after` where `before` was typed; if it is empty, it refuses the line.
    fn replace(&mut self, before: &[u8], after: &[u8], missing: Option<Missing>) {
        let text = &mut self.command.text;
        let mut at = self.from;
        while at <= text.len() {
            let end = text[at..].iter().position(|&byte| byte == b'\n');
            let end = end.map_or(text.len(), |end| at + end);
            if &text[at..end] == before {
                if after.is_empty() {
                    self.refused = true;
                    self.from = end + 1;
                } else if text.len() - before.len() + after.len() <= COMMAND_MAX {
                    text.splice(at..end, after.iter().copied());
                    self.from = at + after.len() + 1;
                    self.command.missing = self.command.missing.or(missing);
                }
                return;
            }
            at = end + 1;
        }
    }
}
