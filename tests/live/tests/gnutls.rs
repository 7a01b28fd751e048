//! GnuTLS: every function that moves bytes, and programs that use it.

mod live {
    mod root {
        use std::process::Command;

        use live::{
            Addresses, Capture, Cert, Nginx, Outcome, Process, Recording, Told, assert_shown, peers,
        };
        use rustix::process::Signal;

        /// Runs the test's own program beside `ecapture tls ARGS`.
        #[track_caller]
        fn observed(options: &str, args: &[&str]) -> (Recording, Told) {
            let cert = Cert::new();
            let mut victim = peers(&cert, "gnutls", &["-lgnutls"], options);
            victim.at_gate("start");
            // What the rest of the machine moves could fill the rings.
            let capture = Capture::start_with(&[&["--comm", "gnutls-peers"], args].concat());
            victim.pass();
            let told = victim.finish();
            (capture.stop().recording, told)
        }

        /// What is corked counts once, and so does what one function hands to another.
        #[test]
        fn every_function() {
            for version in ["tls12=0", "tls12=1"] {
                let (recording, told) = observed(version, &[]);
                assert_shown(&recording, &told.moved, Addresses::Known);
                let conns = told.moved.iter().flat_map(|end| recording.of_pid(end.pid));
                assert!(conns.clone().all(|conn| conn.opened && conn.closed));
                assert!(conns.clone().all(|conn| conn.lib.contains("libgnutls")));
                assert_eq!(conns.count(), 2);
            }
        }

        /// A packet of the library's own memory is a gap, not a loss.
        #[test]
        fn packets_are_gaps() {
            let (recording, told) = observed("get=2", &[]);
            for end in &told.moved {
                let conn = recording.of_pid(end.pid)[0];
                assert_eq!((conn.read.end, conn.read.missing()), (end.read.len, end.read.len));
                assert!(conn.read.gaps.iter().all(|gap| gap.reason == "no-buffer"));
                assert_eq!(conn.write.sha256(), end.write.sha256);
            }
        }

        /// Who goes on with what was taken before names no bytes: a gap of as many.
        #[test]
        fn what_is_resumed_without_a_buffer_is_accounted_for() {
            let (recording, told) = observed("put=5", &[]);
            for end in &told.moved {
                let notes = told.notes.iter().filter(|(pid, ..)| *pid == end.pid);
                let resumed: u64 = notes.map(|(.., bytes)| bytes.parse::<u64>().unwrap()).sum();
                assert!(resumed > 0, "the socket had room all the time");
                let conn = recording.of_pid(end.pid)[0];
                let gaps = &conn.write.gaps;
                assert!(gaps.iter().all(|gap| gap.reason == "no-buffer"), "{gaps:?}");
                assert_eq!((conn.write.end, conn.write.missing()), (end.write.len, resumed));
                assert_eq!(conn.read.sha256(), end.read.sha256);
            }
        }

        #[test]
        fn a_cap_cuts_calls_and_nothing_else() {
            let (recording, told) = observed("", &["-t", "50"]);
            for end in &told.moved {
                let conn = recording.of_pid(end.pid)[0];
                assert_eq!((conn.read.end, conn.write.end), (end.read.len, end.write.len));
                assert!(conn.write.missing() > 0);
            }
        }

        /// Both ends by Debian's own programs: what the server echoes is what the client sent.
        #[test]
        fn gnutls_cli_and_gnutls_serv() {
            let cert = Cert::new();
            let port = free_port().to_string();
            let mut command = Command::new("gnutls-serv");
            command.args(["--echo", "--port", &port, "--x509keyfile"]).arg(cert.key());
            command.arg("--x509certfile").arg(cert.pem());
            let server = Process::start(command);
            server.stderr_line("where it listens", |line| {
                line.contains(&format!("port {port}...done")).then_some(())
            });
            let text: String = (0..500).map(|n| format!("line {n}\n")).collect();
            for version in ["VERS-TLS1.3", "VERS-TLS1.2"] {
                let capture = Capture::start();
                let mut command = Command::new("gnutls-cli");
                command.args(["--port", &port, "--x509cafile"]).arg(cert.pem());
                command.args(["--priority", &format!("NORMAL:-VERS-ALL:+{version}"), "localhost"]);
                let mut client = Process::start(command);
                client.stdout_line("that it is connected", |line| {
                    line.contains("Handshake was completed").then_some(())
                });
                client.feed(text.as_bytes(), false);
                let last = text.lines().last().unwrap();
                client.stdout_line("the echo", |line| (line == last).then_some(()));
                let (own, other) = (client.pid(), server.pid());
                // The client may have the echo before the call returns that sent it.
                let mut left = text.len() as u64;
                capture.await_event("all of the echo", |event| {
                    let sent = event.pid == Some(other) && event.dir.as_deref() == Some("write");
                    left -= event.len.filter(|_| sent).unwrap_or(0);
                    (left == 0).then_some(())
                });
                client.stop(Signal::TERM);
                let recording = capture.stop().recording;
                let client = recording.of_pid(own)[0];
                let server = recording.of_pid(other)[0];
                for conn in [client, server] {
                    conn.assert_whole();
                    assert_eq!(conn.addr_source.as_deref(), Some("call-socket"));
                }
                assert_eq!(client.write.bytes, text.as_bytes());
                assert_eq!(client.read.bytes, text.as_bytes());
                assert_eq!(server.read.bytes, client.write.bytes);
                assert_eq!(server.write.bytes, client.read.bytes);
                let ends = |near: &Option<String>| near.clone().unwrap_or_default();
                assert!(ends(&client.remote).ends_with(&format!(":{port}")), "{client:?}");
                let near = ends(&client.local);
                let near = near.rsplit(':').next().unwrap();
                assert!(ends(&server.remote).ends_with(&format!(":{near}")));
            }
            server.stop(Signal::TERM);
        }

        /// Debian's wget is a GnuTLS client. Narrowed to that library, the server is not seen.
        #[test]
        fn wget_alone_by_its_library() {
            let page: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
            let server = Nginx::start(1, &[("page", &page)]);
            for (args, seen) in [(&["--lib", "gnutls"][..], false), (&[], true)] {
                let capture = Capture::start_with(args);
                let mut command = Command::new("/usr/bin/wget");
                command.args(["--no-config", "--no-proxy", "--no-hsts", "-q", "-O", "-"]);
                command.arg(format!("--ca-certificate={}", server.cert().display()));
                let client = Process::start({
                    command.arg(server.url("page"));
                    command
                });
                let client = client.finish().success();
                assert!(client.stdout == page);
                let Outcome { recording, stderr } = capture.stop();
                let [conn] = recording.of_pid(client.pid)[..] else { panic!("{stderr}") };
                conn.assert_whole();
                assert!(conn.read.bytes.ends_with(&page) && conn.write.bytes.starts_with(b"GET "));
                assert_eq!(conn.remote, Some(server.address()));
                let served = recording.of_pid(server.workers[0]);
                assert_eq!(!served.is_empty(), seen, "{stderr}");
            }
            server.stop();
        }

        fn free_port() -> u16 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        }
    }
}
