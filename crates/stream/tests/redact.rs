//! What is masked, what is not, and that a secret is in nothing that comes out.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod said;

use proptest::prelude::*;
use said::{Said, body, close, comm, conn, event, frame, head, line, message, response};
use stream::message::{
    Body, Content, Control, Head, Hole, Message, Messages as _, Part, Problem, Protocol, Query,
    Rpc, SqlError, What, Wire,
};
use stream::redact::{Names, Redaction, Show};
use stream::{Dir, Output as _, Piece};

fn redaction() -> Redaction {
    Redaction::new(Some(Names::default()), Show::All)
}

/// The message as the next stage gets it.
fn redacted(message: &Message<'_>) -> Said {
    with(&mut redaction(), message)
}

fn with(redaction: &mut Redaction, message: &Message<'_>) -> Said {
    let mut said = Said::default();
    redaction.onto(&mut said).message(&conn(1), message);
    assert_eq!(said.messages.len(), 1);
    said
}

/// One header's value.
fn header(name: Option<&str>, value: &str) -> String {
    let mut fields = Head::new();
    fields.push(Some(b"first"), Some(b"kept"));
    fields.push(name.map(str::as_bytes), Some(value.as_bytes()));
    fields.push(Some(b"last"), None);
    let headers = fields.headers();
    let content = Content { headers, trailers: headers, ..Content::default() };
    let said = redacted(&message(1, line("GET", "h", "/"), What::Request(content)));
    let message = said.messages[0].message();
    let What::Request(content) = message.what else { panic!("a request") };
    let all: Vec<_> = content.headers.iter().collect();
    assert_eq!((all.len(), all[0].value, all[2].value), (3, Some(&b"kept"[..]), None));
    assert!(content.trailers.iter().eq(all.iter().copied()), "trailers as well");
    String::from_utf8(all[1].value.unwrap().to_vec()).unwrap()
}

#[test]
fn headers() {
    for (name, value, expected) in [
        ("Authorization", "Bearer abc.def", "Bearer ***"),
        ("AUTHORIZATION", "basic dXNlcjpwYXNz", "basic ***"),
        ("authorization", "just-a-key", "***"),
        ("authorization", "strange words", "***"),
        ("Proxy-Authorization", "Digest username=\"a\", response=\"b\"", "Digest ***"),
        ("X-Api-Key", "k", "***"),
        ("X-Auth-Token", "t", "***"),
        ("Client-Secret", "s", "***"),
        ("Cookie", "sid=abc; theme=dark;x", "sid=***; theme=***;***"),
        ("cookie", "a=\"x;y\"", "a=***;***"),
        (
            "Set-Cookie",
            "sid=abc=d; Path=/; HttpOnly; Other=x",
            "sid=***; Path=/; HttpOnly; Other=***",
        ),
        ("set-cookie", "path=secret; Path=/", "path=***; Path=/"),
        (
            "Location",
            "https://h/cb?code=1&access_token=abc#x",
            "https://h/cb?code=1&access_token=***#x",
        ),
        ("Location", "/cb#id_token=abc&state=1", "/cb#id_token=***&state=1"),
        (
            "Location",
            "/login?next=%2Fa%3Ftoken%3Dabc%26b%3D1",
            "/login?next=%2Fa%3Ftoken%3D***%26b%3D1",
        ),
        ("Referer", "https://user:pw@h/?pass%77ord=abc", "https://***@h/?pass%77ord=***"),
        ("Link", "</a?api_key=abc>; rel=next", "</a?api_key=***>; rel=next"),
        ("X-Upstream", "Bearer abc, basic def", "Bearer ***, basic ***"),
        ("X-Any", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln x", "*** x"),
        ("X-Json", "{\"token\":\"abc\"}", "{\"token\":\"***\"}"),
        (
            "Sec-WebSocket-Protocol",
            "a, base64url.bearer.authorization.k8s.io.abc",
            "a, base64url.bearer.authorization.***",
        ),
        ("Content-Type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("Cache-Control", "max-age=3600", "max-age=3600"),
        ("Authorization", "", ""),
    ] {
        assert_eq!(header(Some(name), value), expected, "{name}: {value}");
    }
    // Its name was in a table that was set before the capture began.
    assert_eq!(header(None, "anything"), "***");
}

#[test]
fn request_lines() {
    for (host, target, shown_host, shown) in [
        ("h", "/a?b=c&password=x&d=e", "h", "/a?b=c&password=***&d=e"),
        ("u:p@h:1", "/?key=x", "***@h:1", "/?key=***"),
        ("h", "https://u:p@h/?Token=", "h", "https://***@h/?Token="),
        ("h", "/a;sid=x/b", "h", "/a;sid=***"),
        ("h", "/a?q=token", "h", "/a?q=token"),
    ] {
        let said = redacted(&message(1, line("GET", host, target), What::Unanswered));
        assert_eq!(said.messages[0].message().request, Some(line("GET", shown_host, shown)));
    }
}

/// A body of this type, masked.
fn masked(content_type: &str, text: &str) -> String {
    let headers = head(&[("Content-Type", content_type)]);
    let content =
        Content { headers: headers.headers(), body: body(text.as_bytes()), ..Content::default() };
    let said = redacted(&message(1, line("POST", "h", "/"), What::Request(content)));
    let kept = said.messages[0].message();
    let What::Request(Content { body, .. }) = kept.what else { panic!("a request") };
    assert_eq!(body.masked.unwrap_or(body.bytes.len() as u64), text.len() as u64);
    assert_eq!((body.len, body.rest()), (text.len() as u64, 0));
    String::from_utf8(body.bytes.to_vec()).unwrap()
}

#[test]
fn json_bodies() {
    for (text, expected) in [
        (r#"{"user":"a","password":"b c"}"#, r#"{"user":"a","password":"***"}"#),
        (r#"{"password" : "b\"c\\","x":1}"#, r#"{"password" : "***","x":1}"#),
        (
            r#"{"a":[{"accessToken":"x"},{"secret":12.5}]}"#,
            r#"{"a":[{"accessToken":"***"},{"secret":"***"}]}"#,
        ),
        (r#"{"credentials":{"a":"}","b":[1]},"c":2}"#, r#"{"credentials":"***","c":2}"#),
        (r#"{"secrets":["a","b"],"c":"d"}"#, r#"{"secrets":"***","c":"d"}"#),
        (r#"{"token":null,"has_password":true}"#, r#"{"token":null,"has_password":true}"#),
        (r#"{"pass\u0077ord":"b"}"#, r#"{"pass\u0077ord":"***"}"#),
        (r#"{"PassWord":"b"#, r#"{"PassWord":"***"#),
        (r#"{"secrets":{"a":"b","#, r#"{"secrets":"***""#),
        (
            r#"{"log":"{\"password\":\"b\",\"c\":1}"}"#,
            r#"{"log":"{\"password\":\"***\",\"c\":1}"}"#,
        ),
        (r#"{"log":"{\"token\":[1,2],\"c\":1}"}"#, r#"{"log":"{\"token\":***,\"c\":1}"}"#),
        (r#"{"url":"https://h/?token=b&c=d"}"#, r#"{"url":"https://h/?token=***&c=d"}"#),
        ("{\"a\":1}\n{\"token\":\"b\"}\n", "{\"a\":1}\n{\"token\":\"***\"}\n"),
        (r#"{"max_tokens":5,"password_hint":3}"#, r#"{"max_tokens":5,"password_hint":"***"}"#),
        (r#"{"token":\"b\"}"#, r#"{"token":\"***\"}"#),
        (r#"{"a":"token","b":":"}"#, r#"{"a":"token","b":":"}"#),
    ] {
        assert_eq!(masked("application/json", text), expected);
    }
}

#[test]
fn forms_and_other_text() {
    let form = "application/x-www-form-urlencoded";
    for (content_type, text, expected) in [
        (form, "user=a&password=b;c,d e&x=y", "user=a&password=***&x=y"),
        (form, "client_secret=b", "client_secret=***"),
        (form, "p%61ssword=b&user%5Bpassword%5D=c", "p%61ssword=***&user%5Bpassword%5D=***"),
        ("text/html", "<a href=\"/?token=b\">c</a>", "<a href=\"/?token=***\">c</a>"),
        ("text/plain", "grant=x&refresh_token=b", "grant=x&refresh_token=***"),
        ("text/event-stream", "data: {\"token\":\"b\"}\n\n", "data: {\"token\":\"***\"}\n\n"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nb\r\nc\r\n--x\r\nContent-Disposition: form-data; name=\"u\"\r\n\r\nv\r\n--x--",
            "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n***\n--x\r\nContent-Disposition: form-data; name=\"u\"\r\n\r\nv\r\n--x--",
        ),
    ] {
        assert_eq!(masked(content_type, text), expected, "{content_type}");
    }
}

#[test]
fn bytes_after_a_hole_may_belong_to_a_secret() {
    let masked = |text: &str, at: usize| {
        let holes = [Hole { at, len: None }];
        let body = Body { holes: &holes, ..body(text.as_bytes()) };
        let content = Content { body, ..Content::default() };
        let said = redacted(&message(1, line("POST", "h", "/"), What::Request(content)));
        let kept = said.messages[0].message();
        let What::Request(Content { body, .. }) = kept.what else { panic!("a request") };
        assert_eq!(body.holes.len(), 1);
        (String::from_utf8(body.bytes.to_vec()).unwrap(), body.holes[0].at)
    };
    // The quote, the key or the colon may be in the hole.
    let text = r#"{"password":"one","two":"three","four":"five"}"#;
    assert_eq!(masked(text, 14), (r#"{"password":"***"two":"three","four":"five"}"#.into(), 16));
    assert_eq!(masked(text, 5), (r#"{"pas***"two":"three","four":"five"}"#.into(), 8));
    assert_eq!(masked(r#"{"a":1,"b"#, 5), (r#"{"a":***"#.into(), 8));
    assert_eq!(masked("secret words follow", 3), ("sec*** words follow".into(), 6));
}

#[test]
fn what_streams() {
    let request = || line("GET", "h", "/");
    let said = redacted(&event(1, request(), r#"{"token":"x"}"#));
    let What::Event(shown) = said.messages[0].message().what else { panic!("an event") };
    assert_eq!(shown.data, br#"{"token":"***"}"#);
    let said = redacted(&frame(1, request(), r#"{"token":"x"}"#));
    let What::Frame(shown) = said.messages[0].message().what else { panic!("a frame") };
    assert_eq!(shown.payload.bytes, br#"{"token":"***"}"#);
    // A binary message keeps its lengths.
    let payload = body(b"\x0a\x0d{\"token\":\"x\"}");
    let said =
        redacted(&message(1, request(), What::Rpc(Rpc { number: 1, answer: false, payload })));
    let What::Rpc(shown) = said.messages[0].message().what else { panic!("a message") };
    assert_eq!(shown.payload.bytes, b"\x0a\x0d{\"token\":\"*\"}");
    let control = Control { frame: "GOAWAY", error: None, detail: b"token=x" };
    let said = redacted(&message(0, request(), What::Control(control)));
    let What::Control(shown) = said.messages[0].message().what else { panic!("a frame") };
    assert_eq!(shown.detail, b"token=***");
}

#[test]
fn what_cannot_be_read_is_withheld() {
    let unknown =
        Body { problem: Some(Problem::UnknownCoding), coding: b"x", ..body(b"password=x") };
    let content = Content { body: unknown, ..Content::default() };
    let said = redacted(&message(1, line("POST", "h", "/"), What::Request(content)));
    let kept = said.messages[0].message();
    let What::Request(Content { body, .. }) = kept.what else { panic!("a request") };
    assert_eq!((body.bytes, body.len, body.rest()), (&b""[..], 10, 10));

    let loose = message(0, line("GET", "h", "/"), What::Loose(b"\x82secret"));
    let said = redacted(&Message { protocol: Protocol::Http2, ..loose });
    assert!(matches!(said.messages[0].message().what, What::Loose(b"(7 bytes withheld)")));
}

#[test]
fn bytes_without_a_message() {
    let mut redaction = redaction();
    let loose = |pos, bytes: &'static [u8]| Message {
        wire: Wire { pos, len: bytes.len() as u64 },
        ..message(0, line("GET", "h", "/"), What::Loose(bytes))
    };
    let said = with(&mut redaction, &loose(0, b"GET / HTTP/1.1\r\nCookie: a="));
    assert!(matches!(
        said.messages[0].message().what,
        What::Loose(b"GET / HTTP/1.1\r\nCookie:***")
    ));
    let said = with(&mut redaction, &loose(26, b"b\r\nHost: h\r\n"));
    assert!(matches!(said.messages[0].message().what, What::Loose(b"***\nHost: h\r\n")));

    let mut said = Said::default();
    let mut pos = 0;
    for bytes in [&b"X: y\r\nAuthoriz"[..], b"ation: Basic", b" abc\r\n", b"Host: h\r\n?token=x y"]
    {
        let piece = Piece {
            time: 1,
            tid: 2,
            comm: comm("a"),
            uid: 0,
            dir: Dir::Write,
            pos,
            bytes,
            peek: false,
            call_len: bytes.len() as u64,
            call_off: 0,
        };
        redaction.onto(&mut said).data(&conn(2), &piece);
        pos += bytes.len() as u64;
    }
    let all = [&b"X: y\r\nAuthoriz"[..], b"ation:******", b"*****\n", b"Host: h\r\n?token=* y"];
    assert_eq!(said.pieces, all, "each as long as it was");
    redaction.onto(&mut said).close(&conn(2), &close());
}

#[test]
fn less_can_be_shown() {
    let fields = head(&[("Cookie", "a=b"), ("X", "y")]);
    let content =
        || Content { headers: fields.headers(), body: body(b"text"), ..Content::default() };
    let messages = [
        message(1, line("GET", "u@h", "/p?q"), What::Request(content())),
        response(1, line("GET", "u@h", "/p?q"), 200, Part::Whole, 1, content()),
        event(1, line("GET", "u@h", "/p?q"), "text"),
        frame(1, line("GET", "u@h", "/p?q"), "text"),
        message(0, line("GET", "u@h", "/p?q"), What::Loose(b"text")),
    ];
    for (show, names, wanted, absent) in [
        (Show::Headers, true, &["a=***", "/p?q"][..], &["a=b", "text"][..]),
        (Show::Headers, false, &["a=b", "/p?q", "u@h"], &["text"]),
        (Show::Metadata, false, &["/p"], &["a=", "?q", "u@", "text"]),
    ] {
        let mut redaction = Redaction::new(names.then(Names::default), show);
        let all: Vec<_> =
            messages.iter().map(|message| everything(&with(&mut redaction, message))).collect();
        wanted
            .iter()
            .for_each(|part| assert!(all[0].contains(part), "{show:?} {part}: {}", all[0]));
        for one in &all {
            absent.iter().for_each(|part| assert!(!one.contains(part), "{show:?} {part}: {one}"));
        }
        let What::Loose(_) = messages[4].what else { panic!("loose") };
    }
}

/// All text of all messages.
fn everything(said: &Said) -> String {
    use std::fmt::Write as _;
    let mut all = String::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned() + "\n";
    for kept in &said.messages {
        let message = kept.message();
        let line = message.request.unwrap_or_default();
        for part in [line.method, line.scheme, line.authority, line.target].into_iter().flatten() {
            all += &text(part);
        }
        let mut content = |content: &Content<'_>| {
            for field in content.headers.iter().chain(content.trailers.iter()) {
                write!(all, "{}: ", text(field.name.unwrap_or_default())).unwrap();
                all += &text(field.value.unwrap_or_default());
            }
            all += &text(content.body.bytes);
        };
        match message.what {
            What::Request(request) => content(&request),
            What::Response(response) => content(&response.content),
            What::Event(event) => all += &text(event.data),
            What::Frame(frame) => all += &text(frame.payload.bytes),
            What::Rpc(rpc) => all += &text(rpc.payload.bytes),
            What::Loose(bytes) => all += &text(bytes),
            What::Control(_) | What::Unanswered | What::Query(_) => {}
        }
    }
    all
}

#[test]
fn a_message_without_secrets_costs_no_allocation() {
    let fields = head(&[("Host", "h"), ("Accept", "*/*"), ("Content-Type", "application/json")]);
    let json = br#"{"name":"value","url":"https://h/?a=b","list":[1,2,3]}"#;
    let content = Content { headers: fields.headers(), body: body(json), ..Content::default() };
    let message = message(1, line("POST", "h", "/a?b=c"), What::Request(content));
    struct Nothing;
    impl stream::Output for Nothing {
        fn open(&mut self, _: &stream::Conn, _: u64) {}
        fn data(&mut self, _: &stream::Conn, _: &Piece<'_>) {}
        fn gap(&mut self, _: &stream::Conn, _: &stream::Gap) {}
        fn close(&mut self, _: &stream::Conn, _: &stream::Close) {}
    }
    impl stream::Messages for Nothing {
        fn message(&mut self, _: &stream::Conn, _: &Message<'_>) {}
    }
    let (mut redaction, conn) = (redaction(), conn(1));
    let info =
        allocation_counter::measure(|| redaction.onto(&mut Nothing).message(&conn, &message));
    assert_eq!(info.count_total, 0);
}

proptest! {
    /// Whatever stands around it.
    #[test]
    fn a_secret_is_in_nothing_that_comes_out(
        before in "[ -~\n]{0,40}",
        after in "[ -~\n]{0,40}",
        secret in "hunter[2-9]{6}",
    ) {
        let json = format!("{before}\"x\":1,\"password\":\"{secret}\",\"y\":2{after}");
        let url = format!("/?{}&token={secret}&{after}", before.replace(['=', '"', '\''], ""));
        let fields = head(&[("Authorization", &format!("Bearer {secret}")), ("Cookie", &format!("a={secret}; {after}"))]);
        let content = Content { headers: fields.headers(), body: body(json.as_bytes()), ..Content::default() };
        let said = redacted(&message(1, line("POST", "h", &url), What::Request(content)));
        let all = everything(&said);
        prop_assert!(!all.contains(&secret), "{}", all);
    }

    #[test]
    fn any_bytes_any_holes(
        bytes in prop::collection::vec(prop::sample::select(b"\"\\:{}[],=%3d&tokenpwd \n\xff@/.eyJ".to_vec()), 0..120),
        mut places in prop::collection::vec(0usize..130, 0..4),
        kind in prop::sample::select(vec!["", "application/json", "multipart/form-data", "application/x-www-form-urlencoded"]),
    ) {
        places.sort_unstable();
        let holes: Vec<_> = places.iter().map(|&at| Hole { at, len: None }).collect();
        let headers = head(&[("content-type", kind)]);
        let body = Body { holes: &holes, ..body(&bytes) };
        let content = Content { headers: headers.headers(), body, ..Content::default() };
        let said = redacted(&message(1, line("POST", "h", "/"), What::Request(content)));
        let kept = said.messages[0].message();
        let What::Request(Content { body, .. }) = kept.what else { panic!("a request") };
        prop_assert_eq!(body.holes.len(), holes.len());
        prop_assert!(body.holes.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}

#[test]
fn literals_of_a_statement_and_its_parameters() {
    let params = head(&[("int4", "7")]);
    let error = SqlError { sqlstate: b"22P02", number: None, message: b"bad value: \"seven\"" };
    let query = Query {
        statement: body(b"SELECT a FROM t WHERE b = 'seven' AND c = 7"),
        params: params.headers(),
        error: Some(error),
        ..Query::default()
    };
    let mut told = message(1, line("", "", ""), What::Query(query));
    (told.protocol, told.request) = (Protocol::Postgres, None);
    let said = redacted(&told);
    let What::Query(shown) = said.messages[0].message().what else { panic!("a query") };
    assert_eq!(shown.statement.bytes, b"SELECT a FROM t WHERE b = *** AND c = ***");
    assert_eq!(shown.statement.masked, Some(43));
    assert_eq!(shown.params.first(b"int4"), Some(&b"***"[..]));
    assert_eq!(shown.error.unwrap().message, b"bad value: \"***\"");
    assert_eq!(shown.error.unwrap().sqlstate, b"22P02");
    let said = with(&mut Redaction::new(None, Show::Metadata), &told);
    let What::Query(shown) = said.messages[0].message().what else { panic!("a query") };
    assert_eq!((shown.statement.bytes, shown.statement.len), (&b""[..], 43));
    assert!(shown.params.is_empty() && shown.error.unwrap().message.is_empty());
    let said = with(&mut Redaction::new(None, Show::All), &told);
    let What::Query(shown) = said.messages[0].message().what else { panic!("a query") };
    assert_eq!(shown.statement.masked, None);
}
