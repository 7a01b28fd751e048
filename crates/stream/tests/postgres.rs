//! PostgreSQL's protocol, byte by byte after its documentation ("Frontend/Backend Protocol").

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod asked;
mod dice;

use asked::{ANSWERS, ASKS, Player, Seen};
use dice::Dice;
use proptest::prelude::*;
use stream::Dir;
use stream::message::Flaw;
use stream::proto::postgres::Postgres;
use stream::proto::{Options, Start};

fn unit(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&(payload.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn startup(params: &str) -> Vec<u8> {
    let mut bytes = (params.len() as u32 + 9).to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0, 3, 0, 0]);
    bytes.extend_from_slice(params.as_bytes());
    bytes.push(0);
    bytes
}

fn query(text: &str) -> Vec<u8> {
    unit(b'Q', format!("{text}\0").as_bytes())
}

fn parse(name: &str, text: &str, types: &[u32]) -> Vec<u8> {
    let mut payload = format!("{name}\0{text}\0").into_bytes();
    payload.extend_from_slice(&(types.len() as u16).to_be_bytes());
    types.iter().for_each(|one| payload.extend_from_slice(&one.to_be_bytes()));
    unit(b'P', &payload)
}

fn bind(portal: &str, statement: &str, binary: bool, values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut payload = format!("{portal}\0{statement}\0").into_bytes();
    payload.extend_from_slice(&[0, 1, 0, u8::from(binary)]);
    payload.extend_from_slice(&(values.len() as u16).to_be_bytes());
    for value in values {
        match value {
            Some(value) => {
                payload.extend_from_slice(&(value.len() as u32).to_be_bytes());
                payload.extend_from_slice(value);
            }
            None => payload.extend_from_slice(&[0xff; 4]),
        }
    }
    payload.extend_from_slice(&[0, 0]);
    unit(b'B', &payload)
}

fn execute(portal: &str) -> Vec<u8> {
    unit(b'E', format!("{portal}\0\0\0\0\0").as_bytes())
}

fn sync() -> Vec<u8> {
    unit(b'S', b"")
}

fn ready() -> Vec<u8> {
    unit(b'Z', b"I")
}

fn tag(text: &str) -> Vec<u8> {
    unit(b'C', format!("{text}\0").as_bytes())
}

fn row() -> Vec<u8> {
    unit(b'D', b"\0\x01\0\0\0\x01x")
}

fn error(state: &str, words: &str) -> Vec<u8> {
    unit(b'E', format!("SERROR\0VERROR\0C{state}\0M{words}\0\0").as_bytes())
}

/// A connection that is logged in.
fn connection() -> Player<Postgres> {
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    player.asks(&startup("user\0bob\0database\0shop\0")).answers(&unit(b'R', b"\0\0\0\x05salt"));
    player.asks(&unit(b'p', b"md5secret\0"));
    player.answers(&[unit(b'R', b"\0\0\0\0"), unit(b'S', b"a\0b\0")].concat());
    player.answers(&[unit(b'K', b"\0\0\x10\x01\0\0\0\x07"), ready()].concat());
    let login = player.one();
    assert_eq!((login.command, login.outcome), ("login", "done"));
    assert_eq!(login.statement, "");
    player
}

#[test]
fn a_login_tells_who_it_is() {
    let mut player = connection();
    player.asks(&query("SELECT 1")).answers(&[row(), tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!(seen.db.as_deref(), Some("shop"));
    assert_eq!(seen.user.as_deref(), Some("bob"));
    assert_eq!(seen.server_id, Some(0x1001));
    assert_eq!((seen.command, seen.outcome, seen.exchange), ("query", "done", 2));
    assert_eq!((seen.statement.as_str(), seen.len), ("SELECT 1", 8));
    assert_eq!((seen.rows, seen.results, seen.tag.as_str()), (Some(1), 1, "SELECT 1"));
    assert_eq!(seen.total, Some(1), "from the request to CommandComplete");
    assert_eq!(seen.wire.1, 14);
    assert_eq!(seen.answer.1, 12 + 14);
    player.ends().is_accounted(Postgres::overhead, [0; 2]);
}

#[test]
fn a_login_may_fail() {
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    player.asks(&startup("user\0bob\0")).answers(&error("28P01", "no"));
    let seen = player.one();
    assert_eq!((seen.command, seen.outcome), ("login", "error"));
    assert_eq!(seen.error, Some(("28P01".into(), None, "no".into())));
    assert_eq!(seen.db.as_deref(), Some("bob"), "named like the user");
}

#[test]
fn several_statements_are_one_text() {
    let mut player = connection();
    let answer = [tag("BEGIN"), tag("INSERT 0 5"), tag("UPDATE 2"), ready()].concat();
    player.asks(&query("BEGIN; INSERT; UPDATE")).answers(&answer);
    let seen = player.one();
    assert_eq!((seen.rows, seen.results), (Some(7), 3));
    assert_eq!(seen.tag, "UPDATE 2");
    player.asks(&query("")).answers(&[unit(b'I', b""), ready()].concat());
    assert_eq!(player.one().outcome, "done");
}

#[test]
fn an_error_in_the_middle_is_the_texts() {
    let mut player = connection();
    let answer = [tag("BEGIN"), error("42P01", "no \"t\""), ready()].concat();
    player.asks(&query("BEGIN; SELECT * FROM t")).answers(&answer);
    let seen = player.one();
    assert_eq!((seen.outcome, seen.results), ("error", 1));
    assert_eq!(seen.error, Some(("42P01".into(), None, "no \"t\"".into())));
}

#[test]
fn executions_have_parameters() {
    let mut player = connection();
    let text = "INSERT INTO t VALUES ($1, $2)";
    player.asks(&[parse("s1", text, &[23, 0]), unit(b'D', b"Ss1\0"), sync()].concat());
    let types = [&[0, 2][..], &23u32.to_be_bytes(), &1043u32.to_be_bytes()].concat();
    player.answers(&[unit(b'1', b""), unit(b't', &types), unit(b'n', b""), ready()].concat());
    assert_eq!(player.take_queries(), [], "what is prepared is told when it runs");
    for number in 1..3i32 {
        let values = [Some(&number.to_be_bytes()[..]), Some(b"it's")];
        player.asks(&[bind("", "s1", true, &values), execute(""), sync()].concat());
        player.answers(&[unit(b'2', b""), tag("INSERT 0 1"), ready()].concat());
        let seen = player.one();
        assert_eq!((seen.command, seen.statement.as_str()), ("execute", text));
        assert_eq!(seen.params, [Some(number.to_string()), Some("it's".into())]);
        assert_eq!((seen.rows, seen.outcome), (Some(1), "done"));
        assert_eq!(seen.flaws, []);
    }
    // Rows in two portions.
    let batch = [parse("", "SELECT $1", &[]), bind("p", "", false, &[None]), execute("p"), sync()];
    player.asks(&batch.concat());
    let answer = [unit(b'1', b""), unit(b'2', b""), row(), row(), unit(b's', b""), ready()];
    player.answers(&answer.concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.rows), ("SELECT $1", Some(2)));
    assert_eq!(seen.params, [None]);
    player.asks(&[execute("p"), sync()].concat());
    player.answers(&[row(), tag("SELECT 1"), ready()].concat());
    assert_eq!(player.one().rows, Some(1));
    player.ends().is_accounted(Postgres::overhead, [0; 2]);
}

#[test]
fn a_batch_ends_with_its_first_error() {
    let mut player = connection();
    let one = |text: &str| [parse("", text, &[]), bind("", "", false, &[]), execute("")].concat();
    player.asks(&[one("A"), one("B"), one("C"), sync()].concat());
    let done = [unit(b'1', b""), unit(b'2', b""), tag("SELECT 1")].concat();
    player.answers(&[done, error("42601", "syntax"), ready()].concat());
    let told: Vec<_> = player
        .take_queries()
        .into_iter()
        .map(|seen| (seen.statement, seen.outcome, seen.error.is_some()))
        .collect();
    let expected = [("A", "done", false), ("B", "error", true), ("C", "skipped", false)];
    assert_eq!(told, expected.map(|(text, outcome, error)| (text.to_owned(), outcome, error)));
    // One that is prepared and not run.
    player.asks(&[parse("x", "SELEC", &[]), unit(b'D', b"Sx\0"), sync()].concat());
    player.answers(&[error("42601", "syntax"), ready()].concat());
    let seen = player.one();
    assert_eq!(
        (seen.command, seen.statement.as_str(), seen.outcome),
        ("prepare", "SELEC", "error")
    );
    // The error comes before the client has sent all.
    player.asks(&parse("", "D", &[])).answers(&error("42601", "syntax"));
    assert_eq!(player.one().statement, "D");
    player.asks(&[bind("", "", false, &[]), execute(""), sync()].concat()).answers(&ready());
    assert_eq!(player.one().outcome, "skipped");
    player.asks(&query("SELECT 1")).answers(&[tag("SELECT 1"), ready()].concat());
    assert_eq!(player.one().outcome, "done");
    player.ends().is_accounted(Postgres::overhead, [0; 2]);
}

#[test]
fn copied_data_is_counted() {
    let mut player = connection();
    player.asks(&query("COPY t FROM STDIN")).answers(&unit(b'G', b"\0\0\0"));
    player.asks(&[unit(b'd', &[b'a'; 100]), unit(b'd', &[b'b'; 50]), unit(b'c', b"")].concat());
    player.answers(&[tag("COPY 9"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.copied, seen.rows), (Some(150), Some(9)));
    player.asks(&query("COPY t TO STDOUT"));
    let rows = [unit(b'H', b"\0\0\0"), unit(b'd', &[b'a'; 70]), unit(b'c', b"")].concat();
    player.answers(&[rows, tag("COPY 7"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.copied, seen.rows), (Some(70), Some(7)));
    // A Sync before the data is passed over by the server.
    let batch =
        [parse("", "COPY t FROM STDIN", &[]), bind("", "", false, &[]), execute(""), sync()];
    player.asks(&batch.concat());
    player.answers(&[unit(b'1', b""), unit(b'2', b""), unit(b'G', b"\0\0\0")].concat());
    player.asks(&[unit(b'd', b"abc"), unit(b'c', b""), sync()].concat());
    player.answers(&[tag("COPY 1"), ready()].concat());
    assert_eq!(player.one().copied, Some(3));
    player.asks(&query("SELECT 2")).answers(&[tag("SELECT 1"), ready()].concat());
    assert_eq!(player.one().statement, "SELECT 2");
}

#[test]
fn a_cancel_is_told_with_the_connection_that_it_is_for() {
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    player.asks(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x10\x01\0\0\0\x07");
    let seen = player.one();
    assert_eq!((seen.command, seen.server_id), ("cancel", Some(0x1001)));
}

#[test]
fn tls_takes_over_where_it_is_agreed() {
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    player.asks(b"\0\0\0\x08\x04\xd2\x16\x2f").answers(b"N");
    assert!(!player.upgraded);
    player.asks(&startup("user\0bob\0"));
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    player.asks(b"\0\0\0\x08\x04\xd2\x16\x2f").answers(b"S");
    assert!(player.upgraded);
}

#[test]
fn passwords_are_never_told() {
    let mut player = connection();
    player.asks(&query("ALTER ROLE bob PASSWORD 'hunter2'"));
    player.answers(&[tag("ALTER ROLE"), ready()].concat());
    assert_eq!(player.one().statement, "ALTER ROLE bob PASSWORD ***");
}

#[test]
fn long_statements_are_counted_past_what_is_shown() {
    let options = Options { max_body: 100, ..Options::default() };
    let start = Start { options, ..Start::default() };
    let mut player = Player::new(Postgres::new(start, ASKS));
    player.asks(&startup("user\0bob\0")).answers(&ready());
    player.take_queries();
    let text = format!("SELECT '{}'", "x".repeat(5_000));
    for piece in query(&text).chunks(7) {
        player.asks(piece);
    }
    player.answers(&[tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.len), (&text[..100], text.len() as u64));
    for name in ["", "n"] {
        let batch = [parse(name, &text, &[23]), bind("", name, false, &[]), execute(""), sync()];
        for piece in batch.concat().chunks(11) {
            player.asks(piece);
        }
        let answer = [unit(b'1', b""), unit(b'2', b""), tag("SELECT 1"), ready()].concat();
        let seen = player.answers(&answer).one();
        assert_eq!((seen.statement.as_str(), seen.len), (&text[..100], text.len() as u64));
    }
}

#[test]
fn a_gap_within_a_unit_costs_that_unit() {
    let mut player = connection();
    let bytes = query("SELECT 'some text'");
    player.asks(&bytes[..12]).misses(ASKS, 5).asks(&bytes[17..]);
    player.answers(&[row(), tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.outcome), ("SELECT ", "done"));
    assert_eq!((seen.len, seen.flaws.as_slice()), (18, &[Flaw::Gap][..]));
    let long = unit(b'D', &[0; 500]);
    player.asks(&query("SELECT 2")).answers(&long[..50]).misses(ANSWERS, 400);
    player.answers(&[&long[450..], &tag("SELECT 1"), &ready()].concat());
    assert_eq!(player.one().rows, Some(1));
    player.ends().is_accounted(Postgres::overhead, [400, 5]);
}

#[test]
fn a_gap_between_units_costs_the_answers_up_to_the_next_ready() {
    let mut player = connection();
    player.asks(&query("SELECT 1")).answers(&row()).misses(ANSWERS, 100);
    let seen = player.one();
    assert_eq!((seen.outcome, seen.flaws.as_slice()), ("unknown", &[Flaw::Gap][..]));
    player.answers(b"rest of a row").answers(&[tag("SELECT 3"), ready()].concat());
    player.asks(&query("SELECT 2")).answers(&[row(), tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.outcome), ("SELECT 2", "done"));
    // The ready itself is missing.
    player.asks(&query("SELECT 3")).misses(ANSWERS, 30);
    player.asks(&query("SELECT 4")).answers(&[row(), tag("SELECT 1"), ready()].concat());
    player.asks(&query("SELECT 5")).answers(&[row(), tag("SELECT 1"), ready()].concat());
    let told: Vec<_> =
        player.take_queries().into_iter().map(|seen| (seen.statement, seen.outcome)).collect();
    let expected = [("SELECT 3", "unknown"), ("SELECT 4", "unknown"), ("SELECT 5", "done")];
    assert_eq!(told, expected.map(|(text, outcome)| (text.to_owned(), outcome)));
    // A request is missing.
    player.misses(ASKS, 40).answers(&[row(), tag("SELECT 1"), ready()].concat());
    player.asks(&query("SELECT 6")).answers(&[row(), tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.outcome), ("SELECT 6", "done"));
}

#[test]
fn one_that_does_not_wait_is_not_joined_with_answers_after_a_gap() {
    let mut player = connection();
    player.asks(&query("SELECT 1")).asks(&query("SELECT 2"));
    let answer = [tag("SELECT 1"), ready()].concat();
    player.answers(&answer).answers(&answer);
    assert!(player.take_queries().iter().all(|seen| seen.outcome == "done"));
    player.asks(&query("SELECT 3")).asks(&query("SELECT 4")).misses(ANSWERS, 19);
    player.answers(&answer).asks(&query("SELECT 5")).answers(&answer).ends();
    let told = player.take_queries();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|seen| seen.outcome == "unknown"), "{told:#?}");
}

#[test]
fn what_was_prepared_before_is_not_guessed() {
    let mut player = Player::new(Postgres::late(Start { late: true, ..Start::default() }, ASKS));
    player.asks(&[bind("", "s1", false, &[Some(b"7")]), execute(""), sync()].concat());
    player.answers(&[unit(b'2', b""), tag("SELECT 1"), ready()].concat());
    let seen = player.one();
    assert_eq!((seen.statement.as_str(), seen.params), ("", vec![Some("7".to_owned())]));
    assert_eq!((seen.outcome, seen.flaws.as_slice()), ("done", &[Flaw::Late][..]));
}

#[test]
fn what_waits_is_bounded() {
    let mut player = connection();
    for number in 0..20_000 {
        let (name, text) = (format!("s{number}"), "x".repeat(3_000));
        player.asks(&[parse(&name, &text, &[]), bind(&name, &name, false, &[]), sync()].concat());
    }
    assert!(player.most < 3 << 20, "{}", player.most);
}

/// A session of many exchanges, as moves.
fn session(seed: u64) -> Vec<(Dir, Vec<u8>)> {
    let mut dice = Dice::new(seed);
    let mut moves = vec![
        (ASKS, startup("user\0bob\0database\0shop\0")),
        (ANSWERS, [unit(b'R', b"\0\0\0\0"), unit(b'K', b"\0\0\0\x09\0\0\0\x01"), ready()].concat()),
    ];
    for number in 0..1 + dice.below(12) {
        let rows = dice.below(5) as usize;
        let select = [row().repeat(rows), tag(&format!("SELECT {rows}"))].concat();
        let text = format!("SELECT {number} {}", dice.word(300));
        match dice.below(5) {
            0 => {
                moves.push((ASKS, query(&text)));
                moves.push((ANSWERS, [unit(b'T', b"\0\0"), select, ready()].concat()));
            }
            1 => {
                let batch =
                    [parse("", &text, &[]), bind("", "", false, &[None]), execute(""), sync()];
                moves.push((ASKS, batch.concat()));
                let answer = [unit(b'1', b""), unit(b'2', b""), select, ready()];
                moves.push((ANSWERS, answer.concat()));
            }
            2 => {
                moves.push((ASKS, query(&text)));
                moves.push((ANSWERS, [error("42601", &dice.word(20)), ready()].concat()));
            }
            3 => {
                moves.push((ASKS, query("COPY t FROM STDIN")));
                moves.push((ANSWERS, unit(b'G', b"\0\0\0")));
                let data = unit(b'd', &dice.body());
                moves.push((ASKS, [data, unit(b'c', b"")].concat()));
                moves.push((ANSWERS, [tag("COPY 4"), ready()].concat()));
            }
            _ => {
                moves.push((ASKS, [query(&text), query("SELECT 2")].concat()));
                let two = [select, ready(), tag("SELECT 1"), ready()].concat();
                moves.push((ANSWERS, two));
            }
        }
    }
    moves
}

/// Without what depends on how the bytes were cut.
fn plain(mut seen: Seen) -> Seen {
    seen.total = None;
    seen
}

fn play(moves: &[(Dir, Vec<u8>)], lens: &[usize]) -> Vec<Seen> {
    let mut player = Player::new(Postgres::new(Start::default(), ASKS));
    let mut lens = lens.iter().cycle();
    for (dir, bytes) in moves {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = lens.next().map_or(rest.len(), |&len| len.clamp(1, rest.len()));
            player.moved(*dir, &rest[..len]);
            rest = &rest[len..];
        }
    }
    player.ends().is_accounted(Postgres::overhead, [0; 2]);
    assert_eq!(player.loose, [0; 2]);
    player.take_queries().into_iter().map(plain).collect()
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        seed in any::<u64>(),
        lens in prop::collection::vec(1usize..200, 1..20),
    ) {
        let moves = session(seed);
        prop_assert_eq!(play(&moves, &[usize::MAX]), play(&moves, &lens));
    }

    #[test]
    fn gaps_are_said_and_nothing_is_invented(
        seed in any::<u64>(),
        gaps in prop::collection::vec((0usize..60, 1usize..400), 1..4),
    ) {
        let moves = session(seed);
        let whole: Vec<Seen> = play(&moves, &[usize::MAX]);
        let mut player = Player::new(Postgres::new(Start::default(), ASKS));
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
        player.ends().is_accounted(Postgres::overhead, missing);
        for seen in player.take_queries() {
            let known = whole.iter().any(|other| other.statement == seen.statement
                && other.outcome == seen.outcome && other.rows == seen.rows);
            prop_assert!(known || !seen.flaws.is_empty(), "{:#?}", seen);
        }
    }
}
