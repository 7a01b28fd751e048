//! Messages of HTTP/1 from nginx, curl and node, on both ends.

mod live {
    mod root {
        use std::collections::BTreeMap;
        use std::fs;
        use std::process::Command;

        use live::{
            Capture, Cert, Nginx, Process, answers, assert_whole, body, curl, messages,
            node_in_use, of_kind, python, source_path,
        };
        use serde_json::Value;

        fn bytes(len: usize, seed: usize) -> Vec<u8> {
            (0..len).map(|at| (at * 7 + at / 251 + seed) as u8).collect()
        }

        const ALL_OF_IT: &[&str] = &["--max-body", "8000000", "--no-redact"];

        #[test]
        fn nginx_and_curl() {
            let files: Vec<(String, Vec<u8>)> = [0, 1, 5_000, 16_384, 70_000, 3_000_000]
                .into_iter()
                .map(|len| (format!("file{len}"), bytes(len, len)))
                .collect();
            let served: Vec<_> =
                files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
            let nginx = Nginx::start(1, &served);
            let capture = Capture::decoding(ALL_OF_IT);
            let mut command = curl(&nginx.cert());
            command.arg("--http1.1");
            for (name, _) in &files {
                command.args(["--output", "/dev/null"]).arg(nginx.url(name));
            }
            let curl = Process::start(command).finish().success();
            let worker = nginx.workers[0];
            let log = nginx.stop();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let expected: BTreeMap<_, _> =
                files.into_iter().map(|(name, bytes)| (format!("/{name}"), bytes)).collect();
            for pid in [curl.pid, worker] {
                let told = messages(&output, pid);
                assert!(answers(&told) == expected, "{pid}");
                let lengths = |kind| {
                    of_kind(&told, kind).into_iter().map(|m| m["len"].as_u64().expect("a length"))
                };
                assert!(lengths("request").eq(log.iter().map(|served| served.request)));
                assert!(lengths("response").eq(log.iter().map(|served| served.sent)));
            }
        }

        /// TLS within TLS: the tunnel is bytes, and what goes through it is a connection of its own.
        #[test]
        fn curl_through_a_proxy() {
            let nginx = Nginx::start(1, &[("file", b"through the tunnel")]);
            let cert = Cert::new();
            let mut proxy = python();
            proxy.arg(source_path("tests/programs/python_proxy.py"));
            proxy.arg(cert.pem()).arg(cert.key());
            let proxy = Process::start(proxy);
            let port: u16 =
                proxy.stdout_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
            let capture = Capture::decoding(&[]);
            let mut command = curl(&nginx.cert());
            command.args(["--http1.1", "--noproxy", ""]);
            command.args(["--proxy", &format!("https://localhost:{port}")]);
            command.arg("--proxy-cacert").arg(cert.pem()).arg(nginx.url("file"));
            let curl = Process::start(command).finish().success();
            assert_eq!(curl.stdout_text(), "through the tunnel");
            nginx.stop();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = messages(&output, curl.pid);
            let said: Vec<_> = told
                .iter()
                .map(|message| {
                    let word = |name: &str| message[name].as_str().unwrap_or("?").to_owned();
                    let method = &message["request"]["method"];
                    format!("{} {} {method}", word("protocol"), word("kind"))
                })
                .collect();
            let expected = [
                "HTTP/1.1 request \"CONNECT\"",
                "HTTP/1.1 response \"CONNECT\"",
                "HTTP/1.1 request \"GET\"",
                "HTTP/1.1 response \"GET\"",
            ];
            assert_eq!(said, expected);
            assert_eq!(body(&told[3]), b"through the tunnel");
            assert_ne!(told[0]["conn"], told[3]["conn"]);
            let proxied = messages(&output, proxy.pid());
            assert!(
                proxied.iter().all(|message| message["request"]["method"] == "CONNECT"),
                "nothing is made of the tunnel's bytes: {proxied:?}"
            );
        }

        /// Of each call only the first 1,000 bytes are taken.
        #[test]
        fn a_message_with_missing_bytes_says_so_and_the_next_is_found() {
            let long = bytes(70_000, 3);
            let nginx = Nginx::start(1, &[("long", &long), ("short", b"whole")]);
            let capture = Capture::decoding(&["--no-redact", "-t", "1000"]);
            let mut command = curl(&nginx.cert());
            command.arg("--http1.1");
            for name in ["long", "short", "long"] {
                command.args(["--output", "/dev/null"]).arg(nginx.url(name));
            }
            let curl = Process::start(command).finish().success();
            let worker = nginx.workers[0];
            nginx.stop();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            for pid in [curl.pid, worker] {
                let told = messages(&output, pid);
                let responses = of_kind(&told, "response");
                assert_eq!(responses.len(), 3, "{pid}");
                assert!(responses.iter().all(|response| response["status"] == 200), "{pid}");
                assert_whole(responses[1]);
                assert_eq!(body(responses[1]), b"whole");
                for response in [responses[0], responses[2]] {
                    assert_eq!(response["flaws"], serde_json::json!(["gap"]), "{response}");
                    assert_eq!(response["body"]["len"], 70_000);
                    assert_holes(response, &long);
                }
            }
        }

        /// What is shown, with the holes in it, is the body.
        #[track_caller]
        fn assert_holes(response: &Value, whole: &[u8]) {
            let shown = body(response);
            let (mut at, mut from) = (0, 0);
            for hole in response["body"]["holes"].as_array().expect("holes") {
                let [to, len] =
                    ["at", "len"].map(|name| hole[name].as_u64().expect("a number") as usize);
                assert_eq!(shown[from..to], whole[at..at + to - from]);
                at += to - from + len;
                from = to;
            }
            assert_eq!(shown[from..], whole[at..], "after the last hole");
            assert!(!shown.is_empty() && shown.len() < whole.len());
        }

        #[test]
        fn node_s_server_and_client() {
            let _node = node_in_use();
            let cert = Cert::new();
            let sent = bytes(2_500_000, 9);
            let file = cert.dir().join("body");
            fs::write(&file, &sent).expect("a file");
            let script = source_path("tests/programs/node_https.js");
            let mut server = Command::new("/usr/bin/node");
            server.arg(&script).arg("serve").arg(cert.pem()).arg(cert.key()).arg(&file);
            let server = Process::start(server);
            let port: u16 =
                server.stdout_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
            let capture = Capture::decoding(ALL_OF_IT);
            let url = format!("https://localhost:{port}/a");
            let mut client = Command::new("/usr/bin/node");
            let got = cert.dir().join("got");
            client.arg(&script).arg("fetch").arg(cert.pem()).arg(&url).arg(&got);
            let client = Process::start(client).finish().success();
            let mut post = curl(&cert.pem());
            post.args(["--http1.1", "--output", "/dev/null", "--data-binary"]);
            post.arg(format!("@{}", file.display())).arg(&url);
            let post = Process::start(post).finish().success();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            assert!(fs::read(got).expect("a file") == sent, "node's client got it");
            let served = messages(&output, server.pid());
            assert_eq!(of_kind(&served, "response").len(), 3, "with 100 before the last");
            for told in [messages(&output, client.pid), messages(&output, post.pid), served] {
                let all: BTreeMap<_, _> = [("/a".to_owned(), sent.clone())].into();
                let finals: Vec<_> =
                    told.iter().filter(|message| message["status"] != 100).cloned().collect();
                assert!(answers(&finals) == all);
                for request in of_kind(&told, "request") {
                    let posted = request["request"]["method"] == "POST";
                    assert!(body(request) == if posted { &sent[..] } else { b"" });
                }
            }
        }
    }
}
