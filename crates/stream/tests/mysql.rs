//! MySQL's protocol, byte by byte after its documentation. MySQL's own server is in no Debian
//! release, so these bytes are made by hand; MariaDB's are captured in the live tests.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod asked;
mod dice;

use asked::{ANSWERS, ASKS, Player, Seen};
use dice::Dice;
use proptest::prelude::*;
use stream::Dir;
use stream::message::Flaw;
use stream::proto::Start;
use stream::proto::mysql::MySql;

const PROTOCOL_41: u32 = 0x200;
const PLAIN: u32 = PROTOCOL_41 | 1 << 15 | 1 | 8;
const OK_AT_END: u32 = 1 << 24;
const ATTRIBUTES: u32 = 1 << 27;
const TRACK: u32 = 1 << 23;
const COMPRESS: u32 = 1 << 5;

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u32;
    [&len.to_le_bytes()[..3], &[number], payload].concat()
}

fn login(caps: u32, number: u8) -> Vec<u8> {
    let mut payload = caps.to_le_bytes().to_vec();
    payload.extend_from_slice(&[0, 0, 0, 1, 45]);
    payload.extend_from_slice(&[0; 23]);
    payload.extend_from_slice(b"bob\0\x14");
    payload.extend_from_slice(&[0x5a; 20]);
    payload.extend_from_slice(b"shop\0");
    packet(number, &payload)
}

fn greeting() -> Vec<u8> {
    let mut payload = b"\x0a8.0.36\0\x2a\0\0\0saltsalt\0".to_vec();
    payload.resize(60, 0);
    packet(0, &payload)
}

fn ok(number: u8, rows: u8, status: u8) -> Vec<u8> {
    packet(number, &[0, rows, 0, status, 0, 0, 0])
}

fn eof(number: u8, status: u8) -> Vec<u8> {
    packet(number, &[0xfe, 0, 0, status, 0])
}

fn err(number: u8) -> Vec<u8> {
    packet(number, b"\xff\x7a\x04#42S02No such table")
}

fn query(text: &str) -> Vec<u8> {
    packet(0, &[b"\x03", text.as_bytes()].concat())
}

/// A result with one column, from this packet on; how it ends depends on what was agreed.
fn rows(caps: u32, number: u8, rows: usize, status: u8) -> Vec<u8> {
    let mut number = number;
    let mut next = || {
        number = number.wrapping_add(1);
        number.wrapping_sub(1)
    };
    let mut bytes = packet(next(), b"\x01");
    bytes.extend(packet(next(), b"\x03def\0\0\0\x01a\0\x0c\x3f\0\x01\0\0\0\x08\0\0\0\0\0"));
    if caps & OK_AT_END == 0 {
        bytes.extend(eof(next(), 0));
    }
    for _ in 0..rows {
        bytes.extend(packet(next(), b"\x01x"));
    }
    if caps & OK_AT_END == 0 {
        bytes.extend(eof(next(), status));
    } else {
        bytes.extend(packet(next(), &[0xfe, 0, 0, status, 0, 0, 0]));
    }
    bytes
}

/// A connection that is logged in.
fn connection(caps: u32) -> Player<MySql> {
    let mut player = Player::new(MySql::new(Start::default(), ASKS));
    player.answers(&greeting()).asks(&login(PLAIN | caps, 1));
    player.answers(&packet(2, b"\xfecaching_sha2_password\0salt"));
    player.asks(&packet(3, &[0x77; 32])).answers(&packet(4, b"\x01\x03")).answers(&ok(5, 0, 2));
    let login = player.one();
    assert_eq!((login.command, login.outcome), ("login", "done"));
    player
}

#[test]
fn a_login_tells_who_it_is() {
    let mut player = connection(0);
    let seen = player.asks(&query("SELECT 1")).answers(&rows(0, 1, 3, 2)).one();
    assert_eq!((seen.db.as_deref(), seen.user.as_deref()), (Some("shop"), Some("bob")));
    assert_eq!((seen.server_id, seen.exchange), (Some(42), 2));
    assert_eq!((seen.command, seen.statement.as_str()), ("query", "SELECT 1"));
    assert_eq!((seen.rows, seen.results, seen.outcome), (Some(3), 1, "done"));
    assert_eq!(seen.total, Some(1));
    assert_eq!(seen.wire.1, 13);
    player.ends().is_accounted(MySql::overhead, [0; 2]);
}

#[test]
fn within_tls_the_login_is_first() {
    let mut player = Player::new(MySql::logging_in(Start::default(), ASKS));
    player.asks(&login(PLAIN | 0x800, 2)).answers(&ok(3, 0, 2));
    let seen = player.one();
    assert_eq!((seen.command, seen.user.as_deref()), ("login", Some("bob")));
    let seen = player.asks(&query("SELECT 1")).answers(&rows(0, 1, 1, 2)).one();
    assert_eq!((seen.server_id, seen.outcome), (None, "done"));
    let mut player = Player::new(MySql::logging_in(Start::default(), ASKS));
    player.asks(&login(PLAIN, 2)).answers(&packet(3, b"\xff\x15\x04#28000Access denied"));
    let seen = player.one();
    assert_eq!(seen.error, Some(("28000".into(), Some(1045), "Access denied".into())));
}

#[test]
fn a_request_for_tls_is_the_end_of_what_is_plain() {
    let mut player = Player::new(MySql::new(Start::default(), ASKS));
    let request = &login(PLAIN | 0x800, 1)[4..36];
    player.answers(&greeting()).asks(&packet(1, request));
    assert!(player.upgraded);
}

#[test]
fn results_end_in_two_ways() {
    for caps in [0, OK_AT_END] {
        let mut player = connection(caps);
        for count in [0, 1, 5] {
            player.asks(&query("SELECT a")).answers(&rows(caps, 1, count, 2));
            let seen = player.one();
            assert_eq!((seen.rows, seen.outcome), (Some(count as u64), "done"), "{caps:x}");
        }
        let seen = player.asks(&query("INSERT")).answers(&ok(1, 7, 2)).one();
        assert_eq!(seen.rows, Some(7));
        let seen = player.asks(&query("SELECT b")).answers(&err(1)).one();
        let error = ("42S02".to_owned(), Some(1146), "No such table".to_owned());
        assert_eq!((seen.outcome, seen.error), ("error", Some(error)));
        // An error after rows.
        let cut = rows(caps, 1, 2, 2);
        let end = cut.len() - if caps == 0 { 9 } else { 11 };
        player.asks(&query("SELECT c")).answers(&[&cut[..end], &err(9)].concat());
        assert_eq!(player.one().outcome, "error");
        player.ends().is_accounted(MySql::overhead, [0; 2]);
    }
}

#[test]
fn several_results_are_one_query() {
    for caps in [0, OK_AT_END] {
        let mut player = connection(caps);
        let first = rows(caps, 1, 2, 8 | 2);
        let second = ok(7, 3, 8 | 2);
        player.asks(&query("SELECT a; INSERT; SELECT b"));
        player.answers(&[first, second, rows(caps, 8, 1, 2)].concat());
        let seen = player.one();
        assert_eq!((seen.results, seen.rows), (3, Some(6)));
    }
}

/// The answer to a preparation with one column.
fn prepared(caps: u32, id: u8, params: u8) -> Vec<u8> {
    let mut number = 2;
    let mut bytes = packet(1, &[0, id, 0, 0, 0, 1, 0, params, 0, 0, 0, 0]);
    for count in [params, 1] {
        for _ in 0..count {
            bytes.extend(packet(number, b"\x03def\0\0\0\x01?\0\x0c\x3f\0\0\0\0\0\xfd\0\0\0\0\0"));
            number += 1;
        }
        if caps & OK_AT_END == 0 && count > 0 {
            bytes.extend(eof(number, 0));
            number += 1;
        }
    }
    bytes
}

fn execute(id: u8, params: &[u8]) -> Vec<u8> {
    packet(0, &[&[0x17, id, 0, 0, 0, 0, 1, 0, 0, 0], params].concat())
}

#[test]
fn executions_have_text_and_parameters() {
    for caps in [0, OK_AT_END] {
        let mut player = connection(caps);
        player.asks(&packet(0, b"\x16SELECT ?, ?")).answers(&prepared(caps, 9, 2));
        assert_eq!(player.take_queries(), [], "what is prepared is told when it runs");
        player.asks(&execute(9, b"\0\x01\x08\0\xfd\0\x2a\0\0\0\0\0\0\0\x03abc"));
        let seen = player.answers(&rows(caps, 1, 1, 2)).one();
        assert_eq!((seen.command, seen.statement.as_str()), ("execute", "SELECT ?, ?"));
        assert_eq!(seen.params, [Some("42".into()), Some("abc".into())]);
        assert_eq!((seen.rows, seen.flaws.as_slice()), (Some(1), &[][..]));
        // The types are known from before.
        player.asks(&execute(9, b"\x02\0\x07\0\0\0\0\0\0\0")).answers(&rows(caps, 1, 1, 2));
        assert_eq!(player.one().params, [Some("7".into()), None]);
        // Data that came ahead.
        player
            .asks(&packet(0, b"\x18\x09\0\0\0\x01\0some "))
            .asks(&packet(0, b"\x18\x09\0\0\0\x01\0text"));
        player.asks(&execute(9, b"\0\0\x07\0\0\0\0\0\0\0")).answers(&rows(caps, 1, 1, 2));
        assert_eq!(player.one().params, [Some("7".into()), Some("some text".into())]);
        player.asks(&packet(0, b"\x16SELEC")).answers(&err(1));
        let seen = player.one();
        assert_eq!((seen.command, seen.outcome), ("prepare", "error"));
        player.asks(&packet(0, b"\x19\x09\0\0\0")).asks(&execute(9, b"")).answers(&err(1));
        let seen = player.one();
        assert_eq!((seen.statement.as_str(), seen.flaws.as_slice()), ("", &[Flaw::Late][..]));
        player.ends().is_accounted(MySql::overhead, [0; 2]);
    }
}

#[test]
fn rows_of_a_cursor_come_by_themselves() {
    let mut player = connection(0);
    player.asks(&packet(0, b"\x16SELECT 1")).answers(&prepared(0, 1, 0));
    let columns = [packet(1, b"\x01"), packet(2, b"\x03def"), eof(3, 0x42)].concat();
    player.asks(&execute(1, b"")).answers(&columns);
    assert_eq!(player.one().rows, None);
    player.asks(&packet(0, b"\x1c\x01\0\0\0\x05\0\0\0"));
    player.answers(&[packet(1, b"\0\0x"), packet(2, b"\0\0y"), eof(3, 0x42)].concat());
    let seen = player.one();
    assert_eq!((seen.command, seen.statement.as_str()), ("fetch", "SELECT 1"));
    assert_eq!(seen.rows, Some(2));
}

#[test]
fn attributes_are_not_the_statement() {
    let mut player = connection(ATTRIBUTES | OK_AT_END);
    player.asks(&packet(0, b"\x03\0\x01SELECT 1")).answers(&ok(1, 0, 2));
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.len), ("SELECT 1", 8));
    player.asks(&packet(0, b"\x03\x01\x01\0\x01\xfd\0\x02id\x03abcSELECT 2"));
    assert_eq!(player.answers(&ok(1, 0, 2)).one().statement, "SELECT 2");
}

#[test]
fn the_database_may_change() {
    let mut player = connection(0);
    let seen = player.asks(&packet(0, b"\x02other")).answers(&ok(1, 0, 2)).one();
    assert_eq!((seen.command, seen.statement.as_str()), ("use", "other"));
    let of =
        |player: &mut Player<MySql>| player.asks(&query("SELECT 1")).answers(&ok(1, 0, 2)).one().db;
    assert_eq!(of(&mut player).as_deref(), Some("other"));
    player.asks(&query("USE `third`")).answers(&ok(1, 0, 2)).one();
    assert_eq!(of(&mut player).as_deref(), Some("third"));
    player.asks(&query("USE none")).answers(&err(1)).one();
    assert_eq!(of(&mut player).as_deref(), Some("third"));
    let mut player = connection(TRACK);
    let tracked = b"\0\0\0\x02\x40\0\0\0\x07\x01\x05\x04four";
    player.asks(&query("CALL x()")).answers(&packet(1, tracked)).one();
    assert_eq!(of(&mut player).as_deref(), Some("four"));
    player.asks(&packet(0, b"\x11eve\0\x02xyfive\0")).answers(&ok(1, 0, 2));
    let seen = player.one();
    assert_eq!((seen.command, seen.user.as_deref()), ("login", Some("eve")));
    assert_eq!(of(&mut player).as_deref(), Some("five"));
}

#[test]
fn a_file_is_counted() {
    let mut player = connection(0);
    player.asks(&query("LOAD DATA LOCAL INFILE 'x' INTO TABLE t"));
    player.answers(&packet(1, b"\xfbx")).asks(&packet(2, &[b'a'; 300])).asks(&packet(3, b""));
    let seen = player.answers(&ok(4, 5, 2)).one();
    assert_eq!((seen.copied, seen.rows), (Some(300), Some(5)));
}

#[test]
fn a_long_statement_comes_in_several_packets() {
    let mut player = connection(0);
    let text = format!("\x03SELECT '{}'", "x".repeat(0xff_ffff + 1_000));
    let bytes = text.as_bytes();
    let (first, second) = bytes.split_at(0xff_ffff);
    player.asks(&[packet(0, first), packet(1, second)].concat());
    let seen = player.answers(&rows(0, 2, 1, 2)).one();
    assert_eq!((seen.len, seen.outcome), (bytes.len() as u64 - 1, "done"));
    assert_eq!(seen.statement.as_bytes(), &bytes[1..1 + (1 << 20)]);
    // As long as one packet: an empty one follows.
    player.asks(&[packet(0, first), packet(1, b"")].concat()).answers(&rows(0, 2, 1, 2));
    assert_eq!(player.one().len, 0xff_fffe);
    player.ends().is_accounted(MySql::overhead, [0; 2]);
    assert!(player.most < 3 << 20, "{}", player.most);
}

#[test]
fn what_is_compressed_is_said_and_not_read() {
    let mut player = connection(COMPRESS);
    assert_eq!(player.controls, ["compressed protocol, not read"]);
    player.asks(b"\x09\0\0\0\0\0\0\x05\0\0\0\x03SELECT 1");
    assert_eq!(player.take_queries(), []);
    assert!(player.loose[ASKS as usize] > 0);
    player.ends().is_accounted(MySql::overhead, [0; 2]);
}

#[test]
fn commands_without_a_statement_are_not_told() {
    let mut player = connection(0);
    player.asks(&packet(0, b"\x0e")).answers(&ok(1, 0, 2));
    player.asks(&packet(0, b"\x09")).answers(&packet(1, b"Uptime: 1"));
    player.asks(&packet(0, b"\x1f")).answers(&ok(1, 0, 2));
    player.asks(&packet(0, b"\x01")).ends();
    assert_eq!(player.take_queries(), []);
}

#[test]
fn progress_is_no_error() {
    let mut player = connection(0);
    player.asks(&query("ALTER TABLE t")).answers(&packet(1, b"\xff\xff\xff\x01\x01\x02\0\0\0"));
    let seen = player.answers(&ok(2, 1, 2)).one();
    assert_eq!(seen.outcome, "done");
}

#[test]
fn passwords_are_never_told() {
    let mut player = connection(0);
    player.asks(&query("SET PASSWORD = PASSWORD('hunter2')")).answers(&ok(1, 0, 2));
    assert_eq!(player.one().statement, "SET PASSWORD = PASSWORD(***)");
    let near = b"\xff\x28\x04#42000syntax error near 'BY hunter2' at line 1";
    player.asks(&query("ALTER USER a IDENTIFIED BYE 'hunter2'")).answers(&packet(1, near));
    let seen = player.one();
    assert_eq!(seen.statement, "ALTER USER a IDENTIFIED BYE ***");
    assert_eq!(seen.error.unwrap().2, "syntax error near ");
    player.asks(&packet(0, b"\x16ALTER USER a IDENTIFIED BY ?")).answers(&prepared(0, 1, 1));
    player.asks(&execute(1, b"\0\x01\xfd\0\x07hunter2")).answers(&ok(1, 0, 2));
    assert_eq!(player.one().params, [Some("***".into())]);
}

#[test]
fn after_a_gap_the_next_command_is_whole() {
    let mut player = connection(0);
    let answer = rows(0, 1, 5, 2);
    player.asks(&query("SELECT 1")).answers(&answer[..20]).misses(ANSWERS, 20);
    // Within a packet only that one is lost.
    player.answers(&answer[40..]);
    let seen = player.one();
    assert!(seen.flaws.contains(&Flaw::Gap), "{seen:#?}");
    let answer = rows(0, 1, 50, 2);
    player.asks(&query("SELECT 2")).misses(ANSWERS, 100).answers(&answer[100..]);
    let seen = player.one();
    assert_eq!((seen.outcome, seen.flaws.as_slice()), ("unknown", &[Flaw::Gap][..]));
    let seen = player.asks(&query("SELECT 3")).answers(&answer).one();
    assert_eq!((seen.statement.as_str(), seen.rows, seen.flaws.len()), ("SELECT 3", Some(50), 0));
    player.misses(ASKS, 13).answers(&answer);
    assert_eq!(player.take_queries(), []);
    let seen = player.asks(&query("SELECT 4")).answers(&answer).one();
    assert_eq!((seen.statement.as_str(), seen.outcome), ("SELECT 4", "done"));
}

#[test]
fn one_that_is_joined_late_is_understood_either_way() {
    for caps in [0, OK_AT_END] {
        let mut player = Player::new(MySql::late(Start::default(), ASKS));
        for count in [0, 2] {
            let seen = player.asks(&query("SELECT 1")).answers(&rows(caps, 1, count, 2)).one();
            assert_eq!((seen.rows, seen.outcome), (Some(count as u64), "done"), "{caps:x}");
        }
        player.asks(&packet(0, b"\x16SELECT ?")).answers(&prepared(caps, 1, 1));
        player.asks(&execute(1, b"\0\x01\x01\0\x07")).answers(&rows(caps, 1, 1, 2));
        let seen = player.one();
        assert_eq!((seen.statement.as_str(), seen.outcome), ("SELECT ?", "done"));
    }
}

/// A session of many exchanges, as moves.
fn session(seed: u64) -> Vec<(Dir, Vec<u8>)> {
    let mut dice = Dice::new(seed);
    let caps = if dice.below(2) == 0 { 0 } else { OK_AT_END };
    let mut moves = vec![
        (ANSWERS, greeting()),
        (ASKS, login(PLAIN | caps, 1)),
        (ANSWERS, ok(2, 0, 2)),
        (ASKS, packet(0, b"\x16SELECT ?")),
        (ANSWERS, prepared(caps, 1, 1)),
    ];
    for number in 0..1 + dice.below(12) {
        let text = format!("SELECT {number} {}", dice.word(300));
        let count = dice.below(6) as usize;
        match dice.below(5) {
            0 => {
                moves.push((ASKS, query(&text)));
                moves.push((ANSWERS, rows(caps, 1, count, 2)));
            }
            1 => {
                moves.push((ASKS, query(&text)));
                moves.push((ANSWERS, err(1)));
            }
            2 => {
                moves.push((ASKS, execute(1, b"\0\x01\xfd\0\x03abc")));
                moves.push((ANSWERS, rows(caps, 1, count, 2)));
            }
            3 => {
                moves.push((ASKS, query("LOAD DATA LOCAL INFILE 'x' INTO TABLE t")));
                moves.push((ANSWERS, packet(1, b"\xfbx")));
                moves.push((ASKS, [packet(2, &dice.body()), packet(3, b"")].concat()));
                moves.push((ANSWERS, ok(4, 1, 2)));
            }
            _ => {
                moves.push((ASKS, query(&text)));
                let first = rows(caps, 1, 1, 10);
                moves.push((ANSWERS, [first, rows(caps, 7, count, 2)].concat()));
            }
        }
    }
    moves
}

fn play(moves: &[(Dir, Vec<u8>)], lens: &[usize]) -> Vec<Seen> {
    let mut player = Player::new(MySql::new(Start::default(), ASKS));
    let mut lens = lens.iter().cycle();
    for (dir, bytes) in moves {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = lens.next().map_or(rest.len(), |&len| len.clamp(1, rest.len()));
            player.moved(*dir, &rest[..len]);
            rest = &rest[len..];
        }
    }
    player.ends().is_accounted(MySql::overhead, [0; 2]);
    assert_eq!(player.loose, [0; 2]);
    let plain = |seen: Seen| Seen { total: None, ..seen };
    player.take_queries().into_iter().map(plain).collect()
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        seed in any::<u64>(),
        lens in prop::collection::vec(1usize..200, 1..20),
    ) {
        let moves = session(seed);
        let whole = play(&moves, &[usize::MAX]);
        prop_assert!(whole.iter().all(|seen| seen.outcome != "unknown"), "{:#?}", whole);
        prop_assert_eq!(whole, play(&moves, &lens));
    }

    #[test]
    fn gaps_are_said_and_nothing_is_invented(
        seed in any::<u64>(),
        gaps in prop::collection::vec((0usize..60, 1usize..400), 1..4),
    ) {
        let moves = session(seed);
        let whole = play(&moves, &[usize::MAX]);
        let mut player = Player::new(MySql::new(Start::default(), ASKS));
        let mut missing = [0; 2];
        for (index, (dir, bytes)) in moves.iter().enumerate() {
            let gap = gaps.iter().find(|(at, _)| *at == index).map_or(0, |(_, len)| *len);
            let len = gap.min(bytes.len());
            let start = (bytes.len() - len) / 2;
            player.moved(*dir, &bytes[..start]);
            if len > 0 {
                player.misses(*dir, len as u64);
                missing[*dir as usize] += len as u64;
            }
            player.moved(*dir, &bytes[start + len..]);
        }
        player.ends().is_accounted(MySql::overhead, missing);
        for seen in player.take_queries() {
            let known = whole.iter().any(|other| other.statement == seen.statement
                && other.outcome == seen.outcome && other.rows == seen.rows);
            prop_assert!(known || !seen.flaws.is_empty(), "{:#?}", seen);
        }
    }
}
