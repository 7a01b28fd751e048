//! Bodies of a mebibyte, which is as much as is shown by default, and of one byte more.

mod live {
    mod root {
        use std::fs;
        use std::process::{Command, Stdio};

        use live::{
            Asyncio, Capture, Nginx, Process, assert_logged, assert_whole, body, curl, messages,
            of_kind,
        };
        use serde_json::Value;

        const MIB: usize = 1 << 20;
        const LENGTHS: [usize; 2] = [MIB, MIB + 1];

        /// Bytes in which a shift or an exchange would show.
        fn bytes(len: usize) -> Vec<u8> {
            (0..len).map(|at| (at * 7 + at / 251 + (at >> 13) * (at >> 9)) as u8).collect()
        }

        /// All of a body's first mebibyte is shown, and what follows is counted.
        #[track_caller]
        fn assert_shown(message: &Value, sent: &[u8]) {
            assert_whole(message);
            assert!(body(message) == sent[..MIB], "{}", message["request"]);
            assert_eq!(message["body"]["len"], sent.len(), "{}", message["request"]);
        }

        #[test]
        fn over_http1() {
            let server = Asyncio::start();
            let dir = server.cert.dir();
            // The same coding by two names.
            for (len, coding) in LENGTHS.into_iter().zip(["gzip", "x-gzip"]) {
                let plain = dir.join(format!("{coding}.plain"));
                fs::write(&plain, bytes(len)).expect("a file");
                let coded = fs::File::create(dir.join(format!("{coding}.coded"))).expect("a file");
                let mut gzip = Command::new("gzip");
                gzip.arg("-c").arg(plain).stdout(Stdio::from(coded));
                assert!(gzip.status().expect("gzip").success());
            }
            let capture = Capture::decoding(&["--no-redact"]);
            let clients: Vec<u32> = ["gzip", "x-gzip"]
                .map(|coding| {
                    let data = format!("@{}", dir.join(format!("{coding}.plain")).display());
                    let coded = format!("/coded/{coding}");
                    let post = ["--data-binary", &data];
                    let chunked = [&post[..], &["--header", "Transfer-Encoding: chunked"]].concat();
                    [
                        server.curl(&post, &["/echo"]),
                        server.curl(&chunked, &["/chunked"]),
                        server.curl(&[], &[&coded]),
                    ]
                })
                .concat();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            for (number, client) in clients.into_iter().enumerate() {
                let sent = bytes(LENGTHS[number / 3]);
                let told = assert_logged(&server, &output, number, client);
                let bodies: Vec<_> =
                    told.iter().filter(|message| message["body"]["len"] != 0).collect();
                // The last one has no body in its request.
                assert_eq!(bodies.len(), if number % 3 == 2 { 1 } else { 2 });
                bodies.into_iter().for_each(|message| assert_shown(message, &sent));
            }
            let served = messages(&output, server.pid);
            let bodies = served.iter().filter(|message| message["body"]["len"] != 0);
            let mut count = 0;
            for message in bodies {
                let len = message["body"]["len"].as_u64().expect("a length") as usize;
                assert_shown(message, &bytes(len));
                count += 1;
            }
            assert_eq!(count, 2 * (2 + 2 + 1), "the server tells the same");
        }

        #[test]
        fn over_http2() {
            let [mib, more] = LENGTHS.map(bytes);
            let nginx = Nginx::start(1, &[("mib", &mib), ("more", &more)]);
            let capture = Capture::decoding(&[]);
            let clients = [&[][..], &["--compressed"]].map(|args| {
                let mut command = curl(&nginx.cert());
                command.arg("--http2").args(args);
                for name in ["mib", "more"] {
                    command.args(["--output", "/dev/null"]).arg(nginx.url(name));
                }
                Process::start(command).finish().success().pid
            });
            let worker = nginx.workers[0];
            nginx.stop();
            let output = capture.output();
            let _dir = capture.stop_keeping();
            let coding = |message: &Value| message["body"]["coding"].as_str().map(str::to_owned);
            for (pid, count) in [(clients[0], 2), (clients[1], 2), (worker, 4)] {
                let told = messages(&output, pid);
                let responses = of_kind(&told, "response");
                assert_eq!(responses.len(), count);
                for response in &responses {
                    assert_eq!(response["protocol"], "HTTP/2");
                    let long = response["request"]["target"] == "/more";
                    assert_shown(response, if long { &more } else { &mib });
                }
                let coded =
                    responses.iter().filter(|one| coding(one).as_deref() == Some("gzip")).count();
                let expected = if pid == clients[0] { 0 } else { 2 };
                assert_eq!(coded, expected, "those that curl asked for");
            }
        }
    }
}
