//! Messages of gRPC from real programs: told from the beginning and in the middle, and by the names
//! of a description.

#[allow(clippy::module_inception)]
mod live {
    mod root {
        use std::path::Path;
        use std::process::Command;

        use live::{Capture, Cert, Process, Victim, body, messages, of_kind, python, source_path};
        use serde_json::Value;

        /// What a capture told of a process.
        fn told(capture: Capture, pid: u32) -> Vec<Value> {
            let output = capture.output();
            let _dir = capture.stop_keeping();
            messages(&output, pid)
        }

        fn grpc() -> (Cert, Victim) {
            let cert = Cert::new();
            let mut peers = python();
            peers.arg(source_path("tests/programs/grpc_peers.py")).arg(cert.pem()).arg(cert.key());
            (cert, Victim::start(peers))
        }

        /// What the calls of so many rounds are: each end tells all of it.
        #[track_caller]
        fn assert_rounds(messages: &[&Value], rounds: usize) {
            let conns: Vec<u64> = {
                let mut conns: Vec<_> =
                    messages.iter().filter_map(|message| message["conn"].as_u64()).collect();
                conns.sort_unstable();
                conns.dedup();
                conns
            };
            assert_eq!(conns.len(), 2, "both ends");
            for conn in conns {
                let of = |kind: &str, dir: &str| -> Vec<Vec<u8>> {
                    let wanted = |message: &&&Value| {
                        message["conn"] == conn && message["kind"] == kind && message["dir"] == dir
                    };
                    messages.iter().filter(wanted).map(|message| body(message)).collect()
                };
                let asked = messages.iter().any(|message| {
                    message["conn"] == conn
                        && message["kind"] == "request"
                        && message["dir"] == "write"
                });
                let (there, back) = if asked { ("write", "read") } else { ("read", "write") };
                let sent = (0..5).map(|n| format!("message {n}").into_bytes());
                let sent: Vec<Vec<u8>> =
                    sent.chain([b"a".to_vec(), vec![b'b'; 40_000], vec![]]).collect();
                let echo = |message: &Vec<u8>| [b"echo ", &message[..]].concat();
                let twice = |message: &Vec<u8>| message.repeat(2);
                let got: Vec<Vec<u8>> =
                    sent[..5].iter().map(twice).chain(sent[5..].iter().map(echo)).collect();
                assert!(of("rpc", there) == vec![sent; rounds].concat(), "what the client sent");
                assert!(of("rpc", back) == vec![got; rounds].concat(), "what the server sent");
            }
            for message in messages {
                assert_eq!(message["protocol"], "gRPC", "{message}");
                assert_eq!(message["flaws"].as_array().map(Vec::len), Some(0), "{message}");
            }
        }

        #[test]
        fn a_grpc_pair() {
            let capture = Capture::decoding(&[]);
            let (_cert, mut peers) = grpc();
            let pid = peers.at_gate("called");
            peers.pass();
            peers.at_gate("called");
            peers.pass();
            peers.finish();
            let messages = told(capture, pid);
            let calls: Vec<_> =
                messages.iter().filter(|message| message["kind"] != "control").collect();
            assert_rounds(&calls, 2);
            let ends = calls.iter().filter(|message| message["part"] == "end");
            let mut count = 0;
            for end in ends {
                let trailers = end["trailers"].as_array().expect("trailers");
                assert!(
                    trailers.iter().any(|field| field[0] == "grpc-status" && field[1] == "0"),
                    "{end}"
                );
                count += 1;
            }
            assert_eq!(count, 2 * 2 * 6, "calls, rounds, ends");
        }

        /// Started after a round of calls has filled the compression's tables.
        #[test]
        fn a_grpc_pair_joined_late() {
            let (_cert, mut peers) = grpc();
            let pid = peers.at_gate("called");
            let capture = Capture::decoding(&[]);
            peers.pass();
            peers.at_gate("called");
            peers.pass();
            peers.finish();
            let messages = told(capture, pid);
            let heads = of_kind(&messages, "request");
            assert_eq!(heads.len(), 12, "six calls on two ends");
            for dir in ["read", "write"] {
                let of = |kind: &str| -> Vec<&Value> {
                    let of = of_kind(&messages, kind).into_iter();
                    of.filter(|message| message["dir"] == dir).collect()
                };
                let (asked, answered) = (of("request"), of("response"));
                for (number, head) in asked.iter().enumerate() {
                    assert_eq!(head["request"]["method"], "POST");
                    assert_sent(head, number);
                    assert!(body(head) == requests()[number], "call {number}: {head}");
                }
                assert_eq!(answered.len(), 6);
                for (number, answer) in answered.iter().enumerate() {
                    assert_sent(answer, number);
                    assert!(body(answer) == responses()[number], "call {number}: {answer}");
                }
            }
            let unknown = |message: &&&Value| {
                let headers = message["headers"].as_array();
                headers.is_some_and(|fields| fields.iter().any(|field| field[0].is_null()))
            };
            assert!(heads.iter().filter(unknown).count() > 0, "nothing was set before");
        }

        /// Messages with gRPC's prefix, as they stand in a body.
        fn framed(messages: &[&[u8]]) -> Vec<u8> {
            let framed = |message: &&[u8]| {
                let len = (message.len() as u32).to_be_bytes();
                [&[0][..], &len, message].concat()
            };
            messages.iter().flat_map(framed).collect()
        }

        /// The bodies of one round's calls.
        fn requests() -> Vec<Vec<u8>> {
            let single = (0..5).map(|n| framed(&[format!("message {n}").as_bytes()]));
            single.chain([framed(&[b"a", &[b'b'; 40_000], b""])]).collect()
        }

        /// The bodies of their answers.
        fn responses() -> Vec<Vec<u8>> {
            let single = (0..5).map(|n| framed(&[format!("message {n}").repeat(2).as_bytes()]));
            let long = [&b"echo "[..], &[b'b'; 40_000]].concat();
            single.chain([framed(&[b"echo a", &long, b"echo "])]).collect()
        }

        /// What is known of the fields of this call is what was sent.
        #[track_caller]
        fn assert_sent(message: &Value, number: usize) {
            let call = format!("number {number}");
            let sent = [
                ("call", call.as_str()),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                ("user-agent", "grpc-python/"),
                ("grpc-accept-encoding", "identity, deflate, gzip"),
                ("accept-encoding", "identity"),
                ("grpc-status", "0"),
                ("grpc-message", ""),
                ("seen", "9"),
            ];
            let mut names = Vec::new();
            for part in ["headers", "trailers"] {
                for field in message[part].as_array().into_iter().flatten() {
                    names.extend(field[0].as_str());
                    let [name, value] = [0, 1].map(|part| field[part].as_str());
                    let may_be = sent.iter().any(|(sent, start)| {
                        name.is_none_or(|name| name == *sent)
                            && value.is_none_or(|value| value.starts_with(start))
                    });
                    assert!(may_be, "{field} was not sent with call {number}: {message}");
                }
            }
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "each was sent once: {message}");
        }

        /// What protoc writes of the file that both ends speak by.
        fn descriptor(dir: &Path) -> Vec<u8> {
            let set = dir.join("shop.pb");
            let mut protoc = Command::new("protoc");
            protoc.arg("--proto_path").arg(source_path("tests/programs/proto"));
            protoc.arg("--include_imports").arg("--descriptor_set_out").arg(&set).arg("shop.proto");
            Process::start(protoc).finish().success();
            std::fs::read(set).expect("a set")
        }

        /// Both ends tell what Python's own JSON of the same messages says.
        #[test]
        fn fields_have_their_names() {
            let cert = Cert::new();
            let set = source_path("tests/programs/proto/shop.pb");
            assert_eq!(descriptor(cert.dir()), std::fs::read(&set).expect("a set"), "run protoc");
            let mut peers = python();
            peers.arg(source_path("tests/programs/grpc_named.py"));
            peers.arg(cert.pem()).arg(cert.key()).arg(&set);
            let mut peers = Process::start(peers);
            peers.stdout_line("its port", |line| line.strip_prefix("port ").map(drop));
            let set = set.to_str().expect("a path");
            let pid = peers.pid().to_string();
            let capture =
                Capture::decoding(&["--pid", &pid, "--proto-descriptor", set, "--no-redact"]);
            peers.feed(b"\n", true);
            let peers = peers.finish().success();
            let messages = told(capture, peers.pid);
            let said = peers.stdout_text();
            for (side, answers) in [("asked ", false), ("answered ", true)] {
                let expected = said.lines().filter_map(|line| line.strip_prefix(side));
                let expected: Vec<Value> =
                    expected.map(|fields| serde_json::from_str(fields).expect("JSON")).collect();
                assert_eq!(expected.len(), 4);
                for dir in ["read", "write"] {
                    let rpcs = of_kind(&messages, "rpc").into_iter();
                    let rpcs =
                        rpcs.filter(|rpc| rpc["dir"] == dir && rpc["status"].is_null() != answers);
                    let fields: Vec<Value> =
                        rpcs.map(|rpc| rpc["proto"]["fields"].clone()).collect();
                    assert_eq!(fields, expected, "{side}{dir}");
                }
            }
        }

        /// Text for people, with the secrets of named fields masked.
        #[test]
        fn secret_fields_are_masked_by_their_names() {
            let cert = Cert::new();
            let set = source_path("tests/programs/proto/shop.pb");
            let mut peers = python();
            peers.arg(source_path("tests/programs/grpc_named.py"));
            peers.arg(cert.pem()).arg(cert.key()).arg(&set);
            let mut peers = Process::start(peers);
            peers.stdout_line("its port", |line| line.strip_prefix("port ").map(drop));
            let pid = peers.pid().to_string();
            let set = set.to_str().expect("a path");
            let capture =
                Capture::decoding(&["--format", "text", "--pid", &pid, "--proto-descriptor", set]);
            peers.feed(b"\n", true);
            peers.finish().success();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let text = std::fs::read_to_string(output).expect("an output");
            for line in [
                "customer: \"Änn 3\"",
                "password: \"****************\"",
                "access_token: \"*************\"",
                "  value: \"*************\"",
                "offsets: [-1, 1099511627776]",
                "state: SENT",
            ] {
                assert!(
                    text.lines().any(|shown| shown == line || shown.trim() == line),
                    "{line} is not in {text}"
                );
            }
            assert!(text.contains(" message 1 shop.Order ") && !text.contains("hunter2"), "{text}");
        }
    }
}
