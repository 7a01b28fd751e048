//! From records to commands, as the kernel half sends them and as it never would.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use abi::{Head, Kind, Line, LineWhat};
use line::{COMMAND_MAX, Command, Commands, DecodeError, Missing, Record};
use proptest::prelude::*;

const STATUS: u8 = abi::LINE_STATUS | abi::LINE_AWAITS;
const LAST: u8 = abi::LINE_LAST | abi::LINE_AWAITS;

/// A record of process 7, at a time of its own.
fn record(what: LineWhat, flags: u8, offset: u32, status: i32, text: &[u8]) -> Vec<u8> {
    let mut comm = [0; abi::COMM];
    comm[..4].copy_from_slice(b"bash");
    let mut tty = [0; abi::TTY];
    tty[..4].copy_from_slice(b"pts3");
    let head = Head {
        kind: Kind::Line as u8,
        tgid: 7,
        tid: 7,
        uid: 1000,
        comm,
        start_ns: 1,
        time_ns: 100,
        len: text.len() as u32,
        ..Head::default()
    };
    let line = Line {
        head,
        offset,
        status: status as u32,
        ppid: 6,
        what: what as u8,
        flags,
        tty,
        ..Line::default()
    };
    [&line.to_bytes()[..], text].concat()
}

/// The same with something else in its fixed part.
fn altered(record: &[u8], alter: impl FnOnce(&mut Line)) -> Vec<u8> {
    let mut line = Line::from_bytes(record).unwrap();
    alter(&mut line);
    [&line.to_bytes()[..], &record[Line::SIZE..]].concat()
}

fn typed(text: &str) -> Vec<u8> {
    record(LineWhat::Typed, LAST, 0, 0, text.as_bytes())
}

fn prompt(status: i32) -> Vec<u8> {
    record(LineWhat::Prompt, STATUS, 0, status, b"")
}

fn continues() -> Vec<u8> {
    record(LineWhat::Continues, STATUS, 0, 0, b"")
}

fn replaced(before: &str, after: &str) -> [Vec<u8>; 2] {
    let one = |what, text: &str| record(what, LAST, 0, 0, text.as_bytes());
    [one(LineWhat::Before, before), one(LineWhat::After, after)]
}

fn told(records: &[Vec<u8>]) -> Vec<Command> {
    let (mut commands, mut told) = (Commands::default(), Vec::new());
    for record in records {
        commands.push(&Record::decode(record).unwrap(), |command| told.push(command));
    }
    commands.finish(|command| told.push(command));
    told
}

/// Text and status of each.
fn shown(records: &[Vec<u8>]) -> Vec<(String, Option<i32>)> {
    let told = told(records).into_iter();
    told.map(|command| (String::from_utf8(command.text).unwrap(), command.status)).collect()
}

fn one(text: &str, status: Option<i32>) -> (String, Option<i32>) {
    (text.to_owned(), status)
}

#[test]
fn a_command_has_the_status_of_the_next_prompt() {
    let records = [prompt(1), typed("true"), prompt(0), typed("false"), prompt(1)];
    assert_eq!(shown(&records), [one("true", Some(0)), one("false", Some(1))]);
    let command = told(&records).remove(0);
    assert_eq!((command.pid, command.ppid, command.uid), (7, 6, 1000));
    assert_eq!((command.comm(), &command.tty()[..]), (&b"bash"[..], &b"pts/3"[..]));
    assert_eq!(command.ran_ns(), Some(0));
}

#[test]
fn a_command_of_several_lines_is_one() {
    let records = [prompt(0), typed("for i in 1"), continues(), typed("do :;done"), prompt(0)];
    assert_eq!(shown(&records), [one("for i in 1\ndo :;done", Some(0))]);
    // What was pasted comes as one text, or as several without a prompt between them.
    assert_eq!(shown(&[typed("a\nb"), prompt(2)]), [one("a\nb", Some(2))]);
    assert_eq!(shown(&[typed("a"), typed("b\n"), prompt(2)]), [one("a\nb", Some(2))]);
}

#[test]
fn an_empty_line_is_no_command() {
    assert!(shown(&[prompt(0), typed(""), prompt(0), typed("  \n"), prompt(0)]).is_empty());
}

#[test]
fn the_end_of_a_shell_is_the_status_of_its_last_command() {
    let exit = record(LineWhat::Exit, abi::LINE_STATUS, 0, 3, b"");
    assert_eq!(shown(&[typed("exit 3"), exit]), [one("exit 3", Some(3))]);
    let exec = record(LineWhat::Exec, 0, 0, 0, b"");
    assert_eq!(shown(&[typed("exec vi"), exec]), [one("exec vi", None)]);
    assert_eq!(shown(&[typed("sleep 9")]), [one("sleep 9", None)]);
}

#[test]
fn a_program_without_statuses_is_told_of_at_once() {
    let record = record(LineWhat::Typed, abi::LINE_LAST, 0, 0, b"select 1;");
    let (mut commands, mut told) = (Commands::default(), 0);
    commands.push(&Record::decode(&record).unwrap(), |_| told += 1);
    assert_eq!(told, 1);
}

#[test]
fn what_the_shell_makes_of_a_line_stands_for_it() {
    let [before, after] = replaced("sudo !!", "sudo id");
    let records = [typed("sudo !!"), before, after, prompt(0)];
    assert_eq!(shown(&records), [one("sudo id", Some(0))]);
    let [before, after] = replaced("!$", "x");
    let records = [typed("echo \\"), continues(), typed("!$"), before, after, prompt(0)];
    assert_eq!(shown(&records), [one("echo \\\nx", Some(0))]);
    // The second of two equal lines.
    let [[a, b], [c, d]] = [replaced("!!", "one"), replaced("!!", "two")];
    assert_eq!(shown(&[typed("!!\n!!"), a, b, c, d]), [one("one\ntwo", None)]);
    // A line that was never there changes nothing.
    let [before, after] = replaced("other", "x");
    assert_eq!(shown(&[typed("ls"), before, after]), [one("ls", None)]);
}

#[test]
fn a_refused_line_has_no_status() {
    let [before, after] = replaced("!nosuch", "");
    assert_eq!(shown(&[typed("!nosuch"), before, after, prompt(0)]), [one("!nosuch", None)]);
}

#[test]
fn text_as_zsh_keeps_it_is_put_right() {
    let typed = record(LineWhat::Typed, LAST | abi::LINE_META, 0, 0, b"echo \xc3\x83\x80\n");
    assert_eq!(shown(&[typed, prompt(0)]), [one("echo à", Some(0))]);
}

#[test]
fn long_texts_are_joined_and_what_is_missing_is_said() {
    let first = |text: &[u8]| record(LineWhat::Typed, abi::LINE_AWAITS, 0, 0, text);
    let next = |flags, offset, text: &[u8]| record(LineWhat::Typed, flags, offset, 0, text);
    let whole = told(&[first(b"abc"), next(abi::LINE_AWAITS, 3, b"def"), next(LAST, 6, b"g")]);
    assert_eq!((&whole[0].text[..], whole[0].missing), (&b"abcdefg"[..], None));
    let cut = told(&[first(b"abc"), next(LAST | abi::LINE_CUT, 3, b"d"), prompt(0)]);
    assert_eq!((cut[0].missing, cut[0].status), (Some(Missing::Cut), Some(0)));
    let hole = told(&[first(b"abc"), next(LAST, 9, b"g")]);
    assert_eq!((&hole[0].text[..], hole[0].missing), (&b"abcg"[..], Some(Missing::Lost)));
    let headless = told(&[next(LAST, 9, b"g")]);
    assert_eq!(headless[0].missing, Some(Missing::Lost));
    let torn = told(&[first(b"abc"), prompt(4)]);
    assert_eq!((torn[0].missing, torn[0].status), (Some(Missing::Lost), Some(4)));
    let unfinished = told(&[first(b"abc")]);
    assert_eq!(
        (&unfinished[0].text[..], unfinished[0].missing),
        (&b"abc"[..], Some(Missing::Lost))
    );
    let unreadable = told(&[next(LAST | abi::LINE_UNREADABLE, 0, b"")]);
    assert_eq!(unreadable[0].missing, Some(Missing::Unreadable));
}

#[test]
fn a_command_grows_to_its_limit_and_no_further() {
    let line = "x".repeat(COMMAND_MAX / 4);
    let mut records = vec![typed(&line[1..])];
    records.extend((0..3).map(|_| typed(&line[1..])));
    let whole = told(&records);
    assert_eq!((whole[0].text.len(), whole[0].missing), (COMMAND_MAX - 1, None));
    records.push(typed("x"));
    let cut = told(&records);
    assert_eq!((cut[0].text.len(), cut[0].missing), (COMMAND_MAX - 1, Some(Missing::Cut)));
}

#[test]
fn a_process_number_that_is_used_again_is_another_process() {
    let later = altered(&prompt(0), |line| line.head.start_ns = 2);
    assert_eq!(shown(&[typed("kill -9 $$"), later]), [one("kill -9 $$", None)]);
}

#[test]
fn records_are_checked() {
    let good = typed("ls");
    for keep in 0..good.len() {
        assert!(Record::decode(&good[..keep]).is_err(), "{keep}");
    }
    assert_eq!(
        Record::decode(&good[..good.len() - 1]),
        Err(DecodeError::Length { has: 1, says: 2 })
    );
    let other = altered(&good, |line| line.head.kind = Kind::Exit as u8);
    assert_eq!(Record::decode(&other), Err(DecodeError::Kind(Kind::Exit as u8)));
    let other = altered(&good, |line| line.what = 99);
    assert_eq!(Record::decode(&other), Err(DecodeError::What(99)));
}

proptest! {
    /// Whatever is told, nothing panics, and no command is longer than its limit.
    #[test]
    fn any_records_are_taken(
        records in prop::collection::vec(
            (0..8u8, any::<u8>(), 0..6u32, any::<i32>(), "[a\n!]{0,4}", 0..3u32), 0..60)
    ) {
        let (mut commands, mut told) = (Commands::default(), Vec::new());
        for (what, flags, offset, status, text, pid) in records {
            let what = LineWhat::from_u8(what).unwrap_or(LineWhat::Typed);
            let bytes = record(what, flags, offset, status, text.as_bytes());
            let bytes = altered(&bytes, |line| line.head.tgid = pid);
            commands.push(&Record::decode(&bytes).unwrap(), |command| told.push(command));
        }
        commands.finish(|command| told.push(command));
        for command in told {
            prop_assert!(command.text.len() <= COMMAND_MAX);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>) {
        let _ = Record::decode(&bytes);
    }

    /// A text in pieces of any size is the text.
    #[test]
    fn pieces_are_joined(text in "[a-z]{1,300}", sizes in prop::collection::vec(1..40usize, 1..20)) {
        let (mut records, mut at) = (Vec::new(), 0);
        for size in sizes.iter().cycle() {
            let end = (at + size).min(text.len());
            let flags = if end == text.len() { LAST } else { abi::LINE_AWAITS };
            records.push(record(LineWhat::Typed, flags, at as u32, 0, &text.as_bytes()[at..end]));
            at = end;
            if at == text.len() { break }
        }
        prop_assert_eq!(shown(&records), [(text, None)]);
    }
}
