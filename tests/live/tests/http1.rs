//! Messages of HTTP/1 from curl and a server that logs every byte, against that log.

mod live {
    mod root {
        use std::collections::BTreeMap;
        use std::fs;
        use std::process::{Command, Stdio};

        use live::{Asyncio, Capture, answers, assert_logged, body, messages, of_kind};
        use serde_json::Value;

        /// The statuses of responses, or the methods of requests.
        fn list(messages: &[Value], kind: &str) -> Vec<String> {
            let of = of_kind(messages, kind).into_iter();
            of.map(|message| match kind {
                "request" => message["request"]["method"].as_str().expect("a method").to_owned(),
                _ => message["status"].to_string(),
            })
            .collect()
        }

        fn bytes(len: usize, seed: usize) -> Vec<u8> {
            (0..len).map(|at| (at * 7 + at / 251 + seed) as u8).collect()
        }

        const ALL_OF_IT: &[&str] = &["--max-body", "8000000", "--no-redact"];

        #[test]
        fn bodies_by_length_in_chunks_and_to_the_end() {
            let server = Asyncio::start();
            let capture = Capture::decoding(ALL_OF_IT);
            let file = server.cert.dir().join("body");
            let sent = bytes(3_000_000, 1);
            fs::write(&file, &sent).expect("a file");
            let data = format!("@{}", file.display());
            let post = ["--data-binary", &data];
            let chunked = [&post[..], &["--header", "Transfer-Encoding: chunked"]].concat();
            // curl asks before it sends so much: `Expect: 100-continue`.
            let pids = [
                server.curl(&post, &["/echo"]),
                server.curl(&chunked, &["/chunked", "/echo"]),
                server.curl(&post, &["/close"]),
            ];
            let output = capture.output();
            let _dir = capture.stop_keeping();
            for (number, pid) in pids.into_iter().enumerate() {
                let told = assert_logged(&server, &output, number, pid);
                let finals = of_kind(&told, "response").into_iter().filter(|m| m["status"] == 200);
                let requests = of_kind(&told, "request");
                assert_eq!(finals.clone().count(), requests.len());
                for message in finals.chain(requests) {
                    assert!(body(message) == sent, "{} {}", message["kind"], message["request"]);
                }
                assert_eq!(list(&told, "response")[0], "100", "curl waits for it");
                let sum = serde_json::json!([["X-Sum", "3000000"]]);
                let sums = told.iter().filter(|message| message["trailers"] == sum);
                assert_eq!(sums.count(), usize::from(number == 1), "trailers of the chunked one");
            }
        }

        #[test]
        fn answers_without_a_body() {
            let server = Asyncio::start();
            let capture = Capture::decoding(ALL_OF_IT);
            let head = server.curl(&["--head"], &["/echo", "/early"]);
            let none = server.curl(&[], &["/none/204", "/none/304", "/early", "/echo"]);
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = assert_logged(&server, &output, 0, head);
            assert_eq!(list(&told, "response"), ["200", "103", "200"]);
            assert_eq!(list(&told, "request"), ["HEAD", "HEAD"]);
            let told = assert_logged(&server, &output, 1, none);
            assert_eq!(list(&told, "response"), ["204", "304", "103", "200", "200"]);
            assert!(told.iter().all(|message| body(message).is_empty()));
        }

        #[test]
        fn a_pipeline_a_tunnel_and_an_upgrade() {
            let server = Asyncio::start();
            let capture = Capture::decoding(ALL_OF_IT);
            let pipeline = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\nHEAD /echo HTTP/1.1\r\nHost: b\r\n\r\n\
                POST /echo HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\n\r\nhello\
                GET /none/204 HTTP/1.1\r\nHost: d\r\n\r\n\
                POST /chunked HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-End: 1\r\n\r\n";
            let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".len();
            let length = 2 * empty
                + empty
                + 5
                + "HTTP/1.1 204 Nothing\r\nETag: \"a\"\r\n\r\n".len()
                + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n".len()
                + "5;part=0\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n".len();
            let first = server.send(pipeline, length);
            let tunnel = b"CONNECT there:443 HTTP/1.1\r\nHost: there:443\r\n\r\n---\r\nGET /echo HTTP/1.1\r\nHost: f\r\n\r\n";
            let second = server.send(tunnel, "HTTP/1.1 200 Connected\r\n\r\n".len() + empty);
            let upgrade = b"GET /upgrade HTTP/1.1\r\nHost: g\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n---\r\nhello world";
            let switching =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n";
            let third = server.send(upgrade, switching.len() + 11);
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = assert_logged(&server, &output, 0, first);
            let bodies: Vec<_> = of_kind(&told, "response").into_iter().map(body).collect();
            assert_eq!(bodies, [&b""[..], b"", b"hello", b"", b"abcde"]);
            let asked: Vec<_> = of_kind(&told, "response")
                .into_iter()
                .map(|response| response["request"]["authority"].as_str().unwrap_or("?"))
                .collect();
            assert_eq!(asked, ["a", "b", "c", "d", "e"], "each answers its own request");
            let last = &of_kind(&told, "request")[4];
            assert_eq!((body(last), &last["trailers"][0][0]), (b"abcde".to_vec(), &"X-End".into()));
            let told = assert_logged(&server, &output, 1, second);
            assert_eq!(list(&told, "request"), ["CONNECT", "GET"]);
            assert_eq!(list(&told, "response"), ["200", "200"]);
            let told = messages(&output, third);
            assert_eq!(list(&told, "response"), ["101"]);
            let text = fs::read_to_string(&output).expect("an output");
            let rest = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let rest =
                rest.filter(|line| line["type"] == "data" && line["data"] == "aGVsbG8gd29ybGQ=");
            assert_eq!(rest.count(), 4, "both ends tell what follows the upgrade as it came");
        }

        #[test]
        fn codings_are_taken_off() {
            let server = Asyncio::start();
            let dir = server.cert.dir();
            let plain: String =
                (0..40_000).map(|line| format!("line {line} of {}\n", line % 77)).collect();
            let zlib =
                "import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))";
            let raw = "import sys, zlib; c = zlib.compressobj(wbits=-15); \
                sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read()) + c.flush())";
            let mut names = Vec::new();
            for (name, program, args) in [
                ("gzip", "gzip", vec!["-c"]),
                ("br", "brotli", vec!["-c"]),
                ("zstd", "zstd", vec!["-q", "-c"]),
                ("deflate", "/usr/bin/python3", vec!["-c", zlib]),
                ("Deflate", "/usr/bin/python3", vec!["-c", raw]),
            ] {
                let file = dir.join(format!("{name}.plain"));
                fs::write(&file, &plain).expect("a file");
                let coded = fs::File::create(dir.join(format!("{name}.coded"))).expect("a file");
                let from = fs::File::open(&file).expect("a file");
                let mut command = Command::new(program);
                command.args(args).stdin(Stdio::from(from)).stdout(Stdio::from(coded));
                assert!(command.status().expect("a program").success(), "{name}");
                names.push(format!("/coded/{name}"));
            }
            let capture = Capture::decoding(ALL_OF_IT);
            let paths: Vec<_> = names.iter().map(String::as_str).collect();
            let client = server.curl(&[], &paths);
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = assert_logged(&server, &output, 0, client);
            let expected: BTreeMap<_, _> =
                names.into_iter().map(|name| (name, plain.clone().into_bytes())).collect();
            assert!(answers(&told) == expected, "what curl got");
            assert!(answers(&messages(&output, server.pid)) == expected, "what the server sent");
        }
    }
}
