//! Messages of real programs: filtered, with their secrets masked, and as they stream.

mod live {
    mod root {
        use std::{fs, process::Command};

        use base64::{Engine as _, prelude::BASE64_STANDARD};
        use live::{
            Capture, Cert, Machine, Nginx, Process, assert_private, curl, ecapture_binary,
            messages, python, python_with_readers, source_path,
        };
        use rustix::process::Signal;
        use serde_json::Value;

        /// Python serving HTTPS.
        struct Server {
            process: Process,
            cert: Cert,
            port: u16,
        }

        impl Server {
            fn start() -> Self {
                let cert = Cert::new();
                let process = Process::start(web("serve", &cert));
                let port = process
                    .stdout_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
                Self { process, cert, port }
            }

            fn url(&self, path: &str) -> String {
                format!("https://localhost:{}{path}", self.port)
            }

            fn curl(&self) -> Command {
                curl(&self.cert.pem())
            }
        }

        fn web(manner: &str, cert: &Cert) -> Command {
            let mut command = python();
            command.arg(source_path("tests/programs/python_web.py")).arg(manner);
            command.arg(cert.pem()).arg(cert.key());
            command
        }

        /// A login with a secret in every place that is masked.
        fn log_in(server: &Server) -> u32 {
            let mut command = server.curl();
            command.args(["--user-agent", "curl-of-the-test"]);
            command.args(["-H", "Authorization: Bearer hunter2-bearer"]);
            command.args(["-H", "X-Api-Key: hunter2-key", "-H", "Content-Type: application/json"]);
            command.args(["--cookie", "sid=hunter2-sid; theme=hunter2-theme"]);
            command.args(["--data", r#"{"user":"ann","password":"hunter2-password"}"#]);
            command.args(["--compressed", &server.url("/login?token=hunter2-query&lang=en")]);
            let finished = Process::start(command).finish().success();
            assert!(finished.stdout_text().contains("hunter2-answer"), "the server answers");
            finished.pid
        }

        #[test]
        fn secrets_are_in_no_output() {
            let server = Server::start();
            let capture = Capture::decoding(&["--comm", "curl"]);
            let pid = log_in(&server);
            let dir = capture.stop_keeping();
            let output = dir.path().join("events.json");
            assert_private(&output);
            let all = messages(&output, pid);
            let text = all.iter().map(Value::to_string).collect::<String>();
            for kept in ["curl-of-the-test", "Bearer ***", "sid=***; theme=***", "lang=en", "ann"] {
                assert!(text.contains(kept), "{kept} is not in {text}");
            }
            assert!(!text.contains("hunter2"), "{text}");
            let [request, response] = &all[..] else { panic!("{text}") };
            assert_eq!(request["body"]["text"], r#"{"user":"ann","password":"***"}"#);
            assert_eq!(response["body"]["text"], r#"{"user": "ann", "password": "***"}"#);
            assert_eq!(response["body"]["coding"], "gzip");
            assert_eq!(response["request"]["target"], "/login?token=***&lang=en");
        }

        #[test]
        fn without_redaction_they_are() {
            let server = Server::start();
            let capture = Capture::decoding(&["--comm", "curl", "--no-redact"]);
            let pid = log_in(&server);
            let dir = capture.stop_keeping();
            let text = messages(&dir.path().join("events.json"), pid);
            let text = text.iter().map(Value::to_string).collect::<String>();
            let secrets = ["bearer", "key", "sid", "theme", "password", "query", "answer"];
            for secret in secrets.iter().chain(&["cookie", "location"]) {
                assert!(text.contains(&format!("hunter2-{secret}")), "{secret} is not in {text}");
            }
        }

        /// A person in front of it sees secrets, and JSON in order; a file has neither.
        #[test]
        fn a_terminal_is_for_who_sits_there() {
            let server = Server::start();
            let _machine = Machine::shared();
            let ecapture = ecapture_binary().display().to_string();
            let port = server.port.to_string();
            let words = ["tls", "--comm", "curl", "--color", "never", "--port", &port];
            let start = |program: &str, args: &[&str]| {
                let mut command = Command::new(program);
                command.args(args);
                Process::start(command)
            };
            let typed = format!("{ecapture} {}", words.join(" "));
            let terminal = start("script", &["-qefc", &typed, "/dev/null"]);
            let pipe = start(&ecapture, &words);
            let ready = |line: &str| line.contains("ready").then_some(());
            terminal.stdout_line("that it is ready", ready);
            pipe.stderr_line("that it is ready", ready);
            log_in(&server);
            let told = |capture: &Process| {
                let mut all = String::new();
                capture.stdout_line("that the connection ended", |line| {
                    all += &format!("{line}\n");
                    line.contains("close freed").then(|| all.clone())
                })
            };
            let (terminal_told, pipe_told) = (told(&terminal), told(&pipe));
            terminal.stop(Signal::TERM);
            pipe.stop(Signal::INT).success();
            let (terminal, pipe) = (terminal_told, pipe_told);
            assert!(
                terminal.contains(
                    "{\r\n  \"user\": \"ann\",\r\n  \"password\": \"hunter2-password\"\r\n}"
                ),
                "{terminal}"
            );
            assert!(terminal.contains("Authorization: Bearer hunter2-bearer"), "{terminal}");
            assert!(pipe.contains(r#"{"user":"ann","password":"***"}"#), "{pipe}");
            assert!(
                pipe.contains("Authorization: Bearer ***") && !pipe.contains("hunter2"),
                "{pipe}"
            );
        }

        #[test]
        fn only_what_was_asked_for_is_shown() {
            let server = Server::start();
            let port = server.port;
            let wanted = format!("remote.port == {port} && status >= 400 && path ~ '^/b'");
            let capture = Capture::decoding(&["--where", &wanted]);
            for path in ["/a", "/b", "/c?/b"] {
                let url = server.url(path);
                Process::start({
                    let mut command = server.curl();
                    command.arg(url);
                    command
                })
                .finish()
                .success();
            }
            log_in(&server);
            let dir = capture.stop_keeping();
            let text = fs::read_to_string(dir.path().join("events.json")).expect("an output");
            let kinds: Vec<_> = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
                .map(|line| match line["kind"].as_str() {
                    Some(kind) => format!("{kind} {}", line["request"]["target"]),
                    None => line["type"].as_str().expect("a type").to_owned(),
                })
                .collect();
            let expected = ["open", "request \"/b\"", "response \"/b\"", "close", "summary"];
            assert_eq!(kinds, expected);
        }

        #[test]
        fn events_are_seen_while_their_stream_runs() {
            let mut server = Server::start();
            let wanted = format!("remote.port == {} && path == '/events'", server.port);
            let capture = Capture::decoding(&["--where", &wanted]);
            let mut command = server.curl();
            command.arg("--no-buffer").arg(server.url("/events"));
            let client = Process::start(command);
            for word in ["one", "two", "three"] {
                server.process.feed(format!("{word}\n").as_bytes(), false);
                client.stdout_line(word, |line| line.contains(word).then_some(()));
                capture.await_line(word, |line| (line["data"] == word).then_some(()));
                assert!(!client.has_ended(), "the stream goes on");
            }
            server.process.feed(b"", true);
            let pid = client.finish().success().pid;
            let dir = capture.stop_keeping();
            let all = messages(&dir.path().join("events.json"), pid);
            let kinds: Vec<_> =
                all.iter().map(|line| line["kind"].as_str().unwrap_or("?")).collect();
            assert_eq!(kinds, ["request", "response", "event", "event", "event", "response"]);
            assert_eq!((&all[1]["part"], &all[5]["part"]), (&"head".into(), &"end".into()));
            assert_eq!((&all[4]["event"], &all[4]["id"]), (&"tick".into(), &"2".into()));
        }

        #[test]
        fn a_websocket_over_libssl() {
            let cert = Cert::new();
            let capture = Capture::decoding(&["--comm", "python3"]);
            let process = Process::start(web("socket", &cert)).finish().success();
            let dir = capture.stop_keeping();
            let all = messages(&dir.path().join("events.json"), process.pid);
            for dir in ["read", "write"] {
                // Both ends are in one process: each message is written once and read once.
                let frames = |opcode: u64| {
                    let all = all.iter().filter(move |line| {
                        line["kind"] == "frame" && line["dir"] == dir && line["opcode"] == opcode
                    });
                    all.map(|line| line["body"].clone()).collect::<Vec<_>>()
                };
                let text = frames(1);
                let texts: Vec<_> = text.iter().filter_map(|body| body["text"].as_str()).collect();
                let long = "a".repeat(5000);
                let both = ["hello from the client", &long, "hello again from the client"];
                for one in both {
                    assert_eq!(
                        texts.iter().filter(|text| **text == one).count(),
                        2,
                        "{dir}: {one}"
                    );
                }
                assert_eq!(texts.len(), 6, "{dir}");
                assert!(text.iter().all(|body| body["coding"] == "permessage-deflate"), "{text:?}");
                assert_eq!(frames(2).len(), 2, "{dir}: binary");
                assert_eq!((frames(9).len(), frames(10).len(), frames(8).len()), (1, 1, 2));
            }
            assert!(all.iter().any(|line| line["close"] == 1000), "a close has its status");
            assert!(all.iter().all(|line| line["flaws"] == Value::Array(Vec::new())));
        }

        #[test]
        fn an_archive_is_whole_while_it_grows() {
            let server = Server::start();
            let _machine = Machine::shared();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let file = dir.path().join("a.har");
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "--format", "har", "--where"]);
            command.arg(format!("remote.port == {}", server.port)).arg("-o").arg(&file);
            let capture = Process::start(command);
            capture.stderr_line("ready", |line| line.contains("ready").then_some(()));
            let read = || -> Value {
                serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON")
            };
            assert_eq!(read()["log"]["version"], "1.2");
            log_in(&server);
            capture.stop(Signal::INT).success();
            assert_private(&file);
            let all = read();
            let [entry] = &all["log"]["entries"].as_array().expect("entries")[..] else {
                panic!("{all}")
            };
            let url = format!("https://localhost:{}/login?token=***&lang=en", server.port);
            assert_eq!(entry["request"]["url"], url);
            assert_eq!(entry["response"]["status"], 302);
            assert_eq!(entry["serverIPAddress"], "127.0.0.1");
            assert!(entry["timings"]["wait"].as_f64().expect("a number") >= 0.0);
            assert!(!all.to_string().contains("hunter2"), "{all}");
        }

        /// haralyzer, which knows nothing of ecapture, reads what curl did.
        #[test]
        fn an_archive_that_another_program_reads() {
            let server = Server::start();
            let picture: Vec<u8> = (0..=255).cycle().take(5_000).collect();
            let nginx = Nginx::start(1, &[("picture.png", &picture)]);
            let ports = format!("{},{}", server.port, nginx.port());
            let words = ["--format", "har", "--comm", "curl", "--port", &ports];
            let capture = Capture::decoding(&words);
            let before = now();
            log_in(&server);
            for (cert, url) in [
                (server.cert.pem(), server.url("/nothing?a=1&b=%20c")),
                (nginx.cert(), nginx.url("picture.png")),
            ] {
                let mut command = curl(&cert);
                command.args(["--output", "/dev/null"]).arg(url);
                Process::start(command).finish().success();
            }
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let mut reader = python_with_readers();
            reader.arg(source_path("tests/programs/har_read.py")).arg(&output);
            let read = Process::start(reader).finish().success().stdout_text();
            let mut lines = read.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            let log: Value = lines.next().expect("a first line");
            assert_eq!((&log["version"], &log["creator"]), (&"1.2".into(), &"ecapture".into()));
            let entries: Vec<Value> = lines.collect();
            let [login, nothing, picture_got] = &entries[..] else { panic!("{read}") };
            let both = |entry: &Value| {
                (entry["method"].clone(), entry["status"].clone(), entry["http"].clone())
            };
            assert_eq!(both(login), ("POST".into(), 302.into(), "HTTP/1.1".into()));
            assert_eq!(login["sent"], r#"{"user":"ann","password":"***"}"#);
            assert_eq!(login["got"], r#"{"user": "ann", "password": "***"}"#);
            assert_eq!(
                (&login["agent"], &login["mime"]),
                (&"curl-of-the-test".into(), &"application/json".into())
            );
            assert_eq!(both(nothing), ("GET".into(), 404.into(), "HTTP/1.1".into()));
            assert_eq!(nothing["url"], server.url("/nothing?a=1&b=%20c"));
            let query =
                serde_json::json!([{"name": "a", "value": "1"}, {"name": "b", "value": "%20c"}]);
            assert_eq!(nothing["query"], query);
            assert_eq!((&nothing["got"], &nothing["size"]), (&"nothing here".into(), &12.into()));
            assert_eq!(both(picture_got), ("GET".into(), 200.into(), "HTTP/2".into()));
            assert_eq!(
                (&picture_got["encoding"], &picture_got["mime"]),
                (&"base64".into(), &"text/plain".into())
            );
            let got = BASE64_STANDARD.decode(picture_got["got"].as_str().expect("text"));
            assert!(got.expect("base64") == picture);
            for entry in &entries {
                let number = |value: &Value| value.as_f64().expect("a number");
                let spent = ["send", "wait", "receive"].map(|name| number(&entry["timings"][name]));
                assert!(
                    (spent.iter().sum::<f64>() - number(&entry["time"])).abs() < 0.01,
                    "{entry}"
                );
                assert!(spent.iter().all(|spent| *spent >= 0.0), "{entry}");
                assert!(entry["at"].as_str().expect("a time") >= before.as_str(), "{entry}");
            }
            drop(nginx);
        }

        /// Now, to the second, as the reader writes it.
        fn now() -> String {
            let mut date = Command::new("date");
            date.args(["--utc", "+%Y-%m-%dT%H:%M:%S"]);
            Process::start(date).finish().success().stdout_text().trim().to_owned()
        }

        impl Drop for Server {
            fn drop(&mut self) {
                self.process.signal(Signal::TERM);
            }
        }
    }
}
