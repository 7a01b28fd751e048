//! Messages of HTTP/2 from real programs.

#[allow(clippy::module_inception)]
mod live {
    mod root {
        use std::collections::BTreeMap;
        use std::fs;

        use live::{
            Capture, Cert, Nginx, Process, answers, assert_whole, body, curl, messages,
            node_in_use, of_kind, source_path,
        };
        use serde_json::Value;

        /// Each file by its path, as responses of HTTP/2 without a flaw.
        #[track_caller]
        fn assert_files(messages: &[Value], files: &BTreeMap<String, Vec<u8>>) {
            assert!(messages.iter().all(|message| message["protocol"] == "HTTP/2"));
            let told = answers(messages);
            assert!(told == *files, "{:?} and {:?}", told.keys(), files.keys());
        }

        /// Files of different sizes, none of them text alone.
        fn files(count: usize) -> Vec<(String, Vec<u8>)> {
            let file = |number: usize| {
                let bytes = (0..number * number).map(|at| (at * 31 + number) as u8).collect();
                (format!("file{number}"), bytes)
            };
            (1..=count).map(file).collect()
        }

        fn by_path(files: &[(String, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
            files.iter().map(|(name, bytes)| (format!("/{name}"), bytes.clone())).collect()
        }

        /// curl and nginx: both ends tell every file.
        #[test]
        fn a_hundred_streams_at_once() {
            let files = files(100);
            let served: Vec<_> =
                files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
            let nginx = Nginx::start(1, &served);
            let capture = Capture::decoding(&[]);
            let mut command = curl(&nginx.cert());
            command.args([
                "--http2",
                "--parallel",
                "--parallel-max",
                "100",
                "--output",
                "/dev/null",
            ]);
            command.arg(nginx.url("file[1-100]"));
            let curl = Process::start(command).finish().success();
            let worker = nginx.workers[0];
            nginx.stop();
            let output = capture.output();
            let dir = capture.stop_keeping();
            for pid in [curl.pid, worker] {
                let messages = messages(&output, pid);
                assert_files(&messages, &by_path(&files));
                assert_eq!(of_kind(&messages, "request").len(), 100);
                assert_eq!(of_kind(&messages, "loose").len(), 0);
            }
            drop(dir);
        }

        /// nghttp2's own server, client and load tool.
        #[test]
        fn nghttp2_s_tools() {
            let cert = Cert::new();
            let files = files(20);
            let root = cert.dir().join("root");
            fs::create_dir(&root).expect("a directory");
            for (name, bytes) in &files {
                fs::write(root.join(name), bytes).expect("a file");
            }
            let port = free_port();
            let mut server = std::process::Command::new("/usr/sbin/nghttpd");
            server.args(["--address", "127.0.0.1", "--htdocs"]).arg(&root).arg("--verbose");
            server.arg(port.to_string()).arg(cert.key()).arg(cert.pem());
            let server = Process::start(server);
            server.stdout_line("that it listens", |line| line.contains("listen").then_some(()));
            let capture = Capture::decoding(&[]);
            let url = |name: &str| format!("https://127.0.0.1:{port}/{name}");
            let mut client = std::process::Command::new("/usr/bin/nghttp");
            client.args(["--null-out", "--no-verify-peer"]);
            client.args(files.iter().map(|(name, _)| url(name)));
            let client = Process::start(client).finish().success();
            let mut load = std::process::Command::new("/usr/bin/h2load");
            load.args(["--requests", "500", "--clients", "2", "--max-concurrent-streams", "50"]);
            let load = Process::start({
                load.arg(url("file7"));
                load
            });
            let load = load.finish().success();
            let output = capture.output();
            let dir = capture.stop_keeping();
            assert_files(&messages(&output, client.pid), &by_path(&files));
            let loaded = messages(&output, load.pid);
            let answers = of_kind(&loaded, "response");
            assert_eq!(answers.len(), 500);
            assert!(answers.iter().all(|answer| body(answer) == files[6].1));
            let served = messages(&output, server.pid());
            let served = of_kind(&served, "response");
            assert_eq!(served.len(), files.len() + 500, "the server tells the same");
            assert!(
                served.iter().all(|answer| files.iter().any(|(_, file)| *file == body(answer)))
            );
            drop(dir);
            drop(server);
        }

        fn free_port() -> u16 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        }

        /// node's own HTTP/2, both ends in one process: bodies both ways, trailers and resets.
        #[test]
        fn node_s_server_and_client() {
            let _node = node_in_use();
            let cert = Cert::new();
            let capture = Capture::decoding(&["--comm", "node", "--max-body", "20000000"]);
            let mut node = std::process::Command::new("/usr/bin/node");
            node.arg(source_path("tests/programs/node_http2.js"));
            node.arg(cert.pem()).arg(cert.key()).arg("100");
            let node = Process::start(node).finish().success();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let told = messages(&output, node.pid);
            let filled = |number: usize, times: usize| -> Vec<u8> {
                let text = format!("{number} ").into_bytes();
                let sent: Vec<u8> = text.into_iter().cycle().take(number * 500).collect();
                sent.repeat(times)
            };
            for dir in ["read", "write"] {
                let mut answered: Vec<usize> = Vec::new();
                let ours = told.iter().filter(|message| message["dir"] == dir);
                for message in ours {
                    let Some(path) = message["request"]["target"].as_str() else {
                        assert_eq!(message["frame"], "GOAWAY", "{message}");
                        continue;
                    };
                    let number: usize = path[1..].parse().expect("a number");
                    match message["kind"].as_str() {
                        Some("response") => {
                            assert_whole(message);
                            assert!(body(message) == filled(number, 2), "{dir} {number}");
                            let sum = (number * 500).to_string();
                            assert_eq!(message["trailers"], serde_json::json!([["x-sum", sum]]));
                            answered.push(number);
                        }
                        Some("request") if number % 3 < 2 => {
                            assert_whole(message);
                            assert!(body(message) == filled(number, 1), "{dir} {number}");
                        }
                        Some("control") => {
                            assert_eq!((&message["frame"], number % 3), (&"RST_STREAM".into(), 2));
                            assert_eq!(message["error"], "CANCEL");
                        }
                        _ => assert_eq!(number % 3, 2, "{message}"),
                    }
                }
                answered.sort_unstable();
                let expected: Vec<_> = (0..100).filter(|number| number % 3 < 2).collect();
                assert_eq!(answered, expected, "{dir}");
            }
        }
    }
}
