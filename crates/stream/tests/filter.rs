//! Expressions against messages, and what a sieve holds back until it knows.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod said;

use proptest::prelude::*;
use said::{Said, body, close, conn, event, frame, head, line, message, response};
use stream::Output as _;
use stream::filter::{Filter, HoldLimits, Sieve};
use stream::message::{
    Command, Content, Flaw, Flaws, Head, Message, Messages as _, Outcome, Part, Query, RequestLine,
    SqlError, What,
};

const LINE: (&str, &str, &str) = ("POST", "API.example.org:8443", "/v1/users?page=2");

fn post() -> RequestLine<'static> {
    line(LINE.0, LINE.1, LINE.2)
}

fn sieve(text: &str) -> Sieve {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}"));
    Sieve::new(filter, HoldLimits::default())
}

/// What comes through of one connection.
fn through(text: &str, messages: &[Message<'_>]) -> Vec<String> {
    let (mut sieve, mut said, conn) = (sieve(text), Said::default(), conn(1));
    let mut filtered = sieve.onto(&mut said);
    filtered.open(&conn, 5);
    for message in messages {
        filtered.message(&conn, message);
    }
    filtered.close(&conn, &close());
    said.take()
}

fn exchange<'a>(heads: &'a [Head; 2], status: u16) -> [Message<'a>; 2] {
    let request = Content { headers: heads[0].headers(), body: body(b"to"), ..Content::default() };
    let answer = Content { headers: heads[1].headers(), body: body(b"from"), ..Content::default() };
    [
        message(1, post(), What::Request(request)),
        response(1, post(), status, Part::Whole, 20, answer),
    ]
}

/// The same without headers.
fn plain(status: u16) -> [Message<'static>; 2] {
    let content = Content { body: body(b"some"), ..Content::default() };
    [
        message(1, post(), What::Request(content)),
        response(1, post(), status, Part::Whole, 20, content),
    ]
}

#[test]
fn every_field_of_an_exchange() {
    let heads = [
        head(&[("X-Req", "one"), ("x-req", "two"), ("Content-Length", "2")]),
        head(&[("Content-Type", "text/html")]),
    ];
    let messages = exchange(&heads, 500);
    let both = ["open 1 at 5", "request 1/1", "response 1/1", "close 1"];
    for text in [
        r#"method == "POST" && host ~ "api" && status >= 500"#,
        "pid == 1234 && tid == 1235 && uid == 1001 && conn == 1 && exchange == 1",
        r#"comm == "worker" && exe == "/usr/bin/curl" && lib contains "libssl.so""#,
        r#"local == "127.0.0.1:40112" && local.ip == "127.0.0.1" && local.port == 40112"#,
        r#"remote == "[::1]:443" && remote.ip == "::1" && remote.port == 443"#,
        r#"protocol == "http/1.1" && scheme == "https" && host == "api.example.org""#,
        r#"path == "/v1/users" && query == "page=2""#,
        r#"url == "https://API.example.org:8443/v1/users?page=2""#,
        r#"header["x-req"] == "two" && header["x-req"] != "three""#,
        r#"header["content-length"] < 3 && header["content-length"] in (1, 2)"#,
        r#"header["content-type"] ~ "^text/""#,
        "ms > 19.5ms && ms < 0.021s && ttfb == 1 && status == 500",
        r#"body == "to" && size == 2B && wire == 100"#,
        r#"body == "from""#,
        r#"status in (404, 500) and path not in ("/", "/v2")"#,
        "header['x-req'] && !header['x-other'] && !incomplete && not flaws",
        "status && ms && !stream && !opcode && !event",
    ] {
        assert_eq!(through(text, &messages), both, "{text}");
    }
    for text in [
        r#"method == "GET""#,
        "status < 500",
        "ms > 20",
        r#"header["x-req"] != "two""#,
        r#"header["x-req"] !~ "t""#,
        r#"header["content-type"] > 1"#,
        r#"body == "TO""#,
        r#"path ~ "USERS""#,
        "incomplete == true",
        // What is missing makes a comparison false, whichever it is.
        "stream == 1 || stream != 1 || header['x'] != 'y' || header['x'] !~ 'y' || opcode > 0",
    ] {
        assert_eq!(through(text, &messages), [""; 0], "{text}");
    }
}

#[test]
fn a_request_waits_for_its_response_only_if_that_matters() {
    let (conn, mut said) = (conn(1), Said::default());
    let [request, answer] = plain(500);
    // Known at once: shown at once.
    let mut by_method = sieve(r#"method == "POST" || status >= 500"#);
    by_method.onto(&mut said).message(&conn, &request);
    assert_eq!(said.take(), ["request 1/1"]);
    by_method.onto(&mut said).message(&conn, &answer);
    assert_eq!(said.take(), ["response 1/1"]);
    // Not known: held.
    let mut by_status = sieve("status >= 500");
    by_status.onto(&mut said).message(&conn, &request);
    assert_eq!(said.take(), [""; 0]);
    by_status.onto(&mut said).message(&conn, &answer);
    assert_eq!(said.take(), ["request 1/1", "response 1/1"]);
}

#[test]
fn type_and_dir_choose_single_messages() {
    let messages = plain(500);
    let only = |text, kept: &str| {
        assert_eq!(through(text, &messages), ["open 1 at 5", kept, "close 1"], "{text}");
    };
    only("type == \"request\" && status >= 500", "request 1/1");
    only("dir == \"read\"", "response 1/1");
    only("type in (\"response\", \"event\") && ms > 5", "response 1/1");
}

#[test]
fn a_request_without_a_response() {
    let [request, _] = plain(500);
    let unanswered = message(1, post(), What::Unanswered);
    let both = [request, unanswered];
    let all = ["open 1 at 5", "request 1/1", "unanswered 1/1", "close 1"];
    assert_eq!(through("!status", &both), all);
    assert_eq!(through("!(status >= 500)", &both), all);
    assert_eq!(through("status >= 500", &both), [""; 0]);
    // The decoder ended without a word.
    assert_eq!(through("!status", &both[..1]), ["open 1 at 5", "request 1/1", "close 1"]);
}

#[test]
fn what_streams_in_an_exchange_goes_with_it() {
    let [request, _] = plain(200);
    let content = Content::default();
    let begin = response(1, post(), 200, Part::Head, 0, content);
    let end = response(1, post(), 200, Part::End, 9000, content);
    let (one, two) = (event(1, post(), "one"), event(1, post(), "two"));
    let messages = [request, begin, one, two, end];
    let all = [
        "open 1 at 5",
        "request 1/1",
        "response 1/1 head",
        "event 1/1",
        "event 1/1",
        "response 1/1 end",
        "close 1",
    ];
    for text in ["path == \"/v1/users\"", "status == 200", "ttfb < 2", "ms > 5s"] {
        assert_eq!(through(text, &messages), all, "{text}");
    }
    let single = ["open 1 at 5", "event 1/1", "close 1"];
    for text in
        ["body == \"two\"", "event == \"message\" && body ~ \"o$\"", "size == 3 && body ~ 'w'"]
    {
        assert_eq!(through(text, &messages), single, "{text}");
    }
    assert_eq!(through("status == 404", &messages), [""; 0]);

    // As soon as the answer is known, nothing waits any more.
    let (mut sieve, mut said, conn) = (sieve("status == 200"), Said::default(), conn(1));
    for (message, count) in messages.iter().zip([0, 2, 1, 1, 1]) {
        sieve.onto(&mut said).message(&conn, message);
        assert_eq!(said.take().len(), count);
    }
}

#[test]
fn frames_follow_their_upgrade() {
    let [request, _] = plain(101);
    let upgrade = response(1, post(), 101, Part::Whole, 1, Content::default());
    let frames = [frame(1, post(), "a"), frame(1, post(), "b")];
    let messages = [request, upgrade, frames[0], frames[1]];
    let expected =
        ["open 1 at 5", "request 1/1", "response 1/1", "frame 1/1", "frame 1/1", "close 1"];
    assert_eq!(through("ms < 5", &messages), expected);
    assert_eq!(
        through("opcode == 1 && body == 'b'", &messages),
        ["open 1 at 5", "frame 1/1", "close 1"]
    );
}

#[test]
fn an_interim_response_does_not_settle_it() {
    let [request, last] = plain(500);
    let interim = response(1, post(), 100, Part::Whole, 0, Content::default());
    let messages = [request, interim, last];
    let all = ["open 1 at 5", "request 1/1", "response 1/1", "response 1/1", "close 1"];
    assert_eq!(through("status >= 500", &messages), all);
    assert_eq!(through("status == 100", &messages), all);
    assert_eq!(through("status == 404", &messages), [""; 0]);
}

#[test]
fn exchanges_do_not_mix() {
    let (mut sieve, mut said) = (sieve("status == 500"), Said::default());
    let [request, answer] = plain(500);
    let fine = Message { status: Some(200), ..answer };
    let (one, two) = (conn(1), conn(2));
    let mut filtered = sieve.onto(&mut said);
    filtered.message(&one, &request);
    filtered.message(&two, &request);
    filtered.message(&one, &Message { exchange: 2, ..request });
    filtered.message(&two, &answer);
    filtered.message(&one, &fine);
    filtered.message(&one, &Message { exchange: 2, ..answer });
    assert_eq!(said.take(), ["request 2/1", "response 2/1", "request 1/2", "response 1/2"]);
}

#[test]
fn incomplete_messages_are_found() {
    let mut messages = plain(200);
    messages[1].flaws = Flaws::NONE.with(Flaw::Gap);
    for text in ["incomplete", "flaws == \"gap\"", "flaws in ('cut', 'gap')", "flaws"] {
        assert_eq!(through(text, &messages).len(), 4, "{text}");
    }
    assert_eq!(through("flaws != \"gap\"", &messages), [""; 0]);
}

#[test]
fn past_the_limits_the_oldest_is_shown() {
    let filter = Filter::parse("status == 500").unwrap();
    let mut sieve = Sieve::new(filter, HoldLimits { exchanges: 2, bytes: 1 << 20 });
    let mut said = Said::default();
    let [request, answer] = plain(500);
    for id in 1..=3 {
        sieve.onto(&mut said).message(&conn(id), &request);
    }
    assert_eq!(
        (said.take().as_slice(), sieve.given_up()),
        (["request 1/1".to_owned()].as_slice(), 1)
    );
    sieve.onto(&mut said).message(&conn(1), &answer);
    assert_eq!(said.take(), ["response 1/1"]);

    // A large one gives way by itself.
    let large = vec![b'x'; 2 << 20];
    let content = Content { body: body(&large), ..Content::default() };
    sieve.onto(&mut said).message(&conn(4), &message(1, post(), What::Request(content)));
    assert_eq!(said.take(), ["request 2/1", "request 3/1", "request 4/1"]);
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[ -~é\n]{0,80}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 3);
        }
    }

    #[test]
    fn words_of_the_language_in_any_order(
        words in prop::collection::vec(prop::sample::select(vec![
            "status", "==", "!=", "200", "host", "~", "\"a\"", "&&", "||", "!", "(", ")", "in",
            "not", "header", "[", "]", ",", "ms", "<", "5s", "incomplete", "true", "contains",
        ]), 0..12)
    ) {
        let text = words.join(" ");
        if let Ok(filter) = Filter::parse(&text) {
            let (mut sieve, mut said) = (Sieve::new(filter, HoldLimits::default()), Said::default());
            let conn = conn(1);
            for message in plain(200) {
                sieve.onto(&mut said).message(&conn, &message);
            }
            sieve.onto(&mut said).close(&conn, &close());
            // Nothing is left behind, nothing is told twice, and pairs stay together.
            prop_assert!(matches!(said.messages.len(), 0 | 2), "{}", text);
        }
    }
}

#[test]
fn every_field_of_a_query() {
    let params = head(&[("int4", "7"), ("text", "seven")]);
    let query = Query {
        command: Command::Execute,
        db: Some(b"shop"),
        user: Some(b"bob"),
        server_id: Some(42),
        statement: body(b"SELECT * FROM t"),
        params: params.headers(),
        outcome: Outcome::Error,
        rows: Some(5),
        error: Some(SqlError { sqlstate: b"42P01", number: None, message: b"no such table" }),
        total: Some(120_000_000),
        ..Query::default()
    };
    let told = [Message { request: None, ..message(1, post(), What::Query(query)) }];
    for text in [
        r#"db == "shop" && ms > 100"#,
        r#"type == "query" && user == "bob" && server_id == 42"#,
        r#"command == "EXECUTE" && statement ~ "(?i)from t" && rows < 6"#,
        r#"param == "seven" && param != "six""#,
        r#"outcome == "error" && sqlstate == "42p01" && error contains "table""#,
        r#"body contains "SELECT" && size == 15"#,
    ] {
        assert_eq!(through(text, &told), ["open 1 at 5", "query 1/1", "close 1"], "{text}");
    }
    for text in [r#"db == "other""#, "ms < 100", r#"param == "six""#, "status", "method"] {
        assert_eq!(through(text, &told), [""; 0], "{text}");
    }
    assert_eq!(through(r#"db != "other""#, &plain(200)), [""; 0], "no database");
}
