//! A connection of HTTP/2 that is older than the capture: what it set before is unknown, in JSON and
//! in text, and never something else; what it sets from then on is known.

mod live {
    mod root {
        use std::fs;

        use live::{
            Capture, Cert, Process, assert_whole, body, messages, node_in_use, source_path,
        };
        use serde_json::Value;

        /// node's own server and client, after a first round that no capture saw.
        struct Peers {
            node: Process,
            _cert: Cert,
            round: u32,
        }

        impl Peers {
            fn start() -> Self {
                let cert = Cert::new();
                let mut node = std::process::Command::new("/usr/bin/node");
                node.arg(source_path("tests/programs/node_http2_late.js"));
                node.arg(cert.pem()).arg(cert.key());
                let node = Process::start(node);
                node.stdout_line("that it listens", |line| (line == "listening").then_some(()));
                let mut peers = Self { node, _cert: cert, round: 0 };
                peers.round();
                peers
            }

            fn round(&mut self) {
                self.round += 1;
                self.node.feed(b"\n", false);
                let done = format!("round {}", self.round);
                self.node.stdout_line(&done, |line| (line == done).then_some(()));
            }

            /// Ends them; their process.
            fn finish(mut self) -> u32 {
                self.node.feed(b"", true);
                self.node.finish().success().pid
            }
        }

        /// A field of these was sent, as far as it is known.
        #[track_caller]
        fn assert_sent(message: &Value, side: &str) {
            let sent =
                [("x-first", format!("{side} before")), ("x-second", format!("{side} since"))];
            for field in message["headers"].as_array().expect("headers") {
                let known = |part: usize| field[part].as_str();
                if known(0) == Some("date") {
                    continue;
                }
                let may_be = sent.iter().any(|(name, value)| {
                    known(0).is_none_or(|known| known == *name)
                        && known(1).is_none_or(|known| known == value)
                });
                assert!(may_be, "{field} was not sent: {message}");
            }
        }

        /// The message of this round: what was set in the first one is unknown in it.
        #[track_caller]
        fn assert_late(message: &Value, side: &str, round: u32) {
            assert_whole(message);
            assert_eq!(body(message), format!("body of round {round}").as_bytes());
            assert_sent(message, side);
            assert!(!has(message, "x-first", &format!("{side} before")), "not seen: {message}");
            assert!(has(message, "x-second", &format!("{side} since")), "{message}");
            let headers = message["headers"].as_array().expect("headers");
            assert!(headers.contains(&serde_json::json!([null, null])), "{message}");
            let line = &message["request"];
            assert_eq!(
                (&line["method"], &line["target"]),
                (&"POST".into(), &format!("/{round}").into())
            );
            assert!(line["authority"].is_null(), "set before: {line}");
        }

        fn has(message: &Value, name: &str, value: &str) -> bool {
            let headers = message["headers"].as_array().expect("headers");
            headers.iter().any(|field| field[0] == name && field[1] == value)
        }

        #[test]
        fn what_was_set_before_is_null_in_json() {
            let _node = node_in_use();
            let mut peers = Peers::start();
            let capture = Capture::decoding(&["--pid", &peers.node.pid().to_string()]);
            (0..3).for_each(|_| peers.round());
            let pid = peers.finish();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = messages(&output, pid);
            for (kind, side) in [("request", "client"), ("response", "server")] {
                for dir in ["read", "write"] {
                    let of = told.iter().filter(|one| one["kind"] == kind && one["dir"] == dir);
                    let of: Vec<_> = of.collect();
                    assert_eq!(of.len(), 3, "{kind}s, {dir}");
                    for (message, round) in of.into_iter().zip(2..) {
                        assert_late(message, side, round);
                    }
                }
            }
        }

        #[test]
        fn what_was_set_before_is_unknown_in_text() {
            let _node = node_in_use();
            let mut peers = Peers::start();
            let pid = peers.node.pid().to_string();
            let capture = Capture::decoding(&["--pid", &pid, "--format", "text"]);
            (0..2).for_each(|_| peers.round());
            peers.finish();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let text = fs::read_to_string(output).expect("an output");
            // The host, which has an unknown name as well, and `x-first`.
            for round in [2, 3] {
                let asked = format!(
                    "\nPOST https://<unknown>/{round} HTTP/2\n<unknown>: <unknown>\n\
                     <unknown>: <unknown>\nx-second: client since\n\nbody of round {round}\n"
                );
                assert_eq!(text.matches(&asked).count(), 2, "both ends: {text}");
            }
            let answered = "\nHTTP/2 200\n<unknown>: <unknown>\nx-second: server since\n";
            assert_eq!(text.matches(answered).count(), 4, "both ends, twice: {text}");
            assert!(!text.contains(" before\n"), "{text}");
        }
    }
}
