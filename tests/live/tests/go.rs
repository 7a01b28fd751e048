//! Go's crypto/tls, in programs with symbols and without.

mod live {
    mod root {
        use std::process::Command;

        use live::{
            Addresses, Capture, Cert, Process, Recording, Told, Victim, answers, assert_same,
            assert_shown, curl, go_program, messages, of_kind,
        };
        use rustix::process::Signal;

        const STRIPPED: &[&str] = &["-ldflags=-s -w"];

        /// Runs the test's own program beside a capture.
        #[track_caller]
        fn observed(build: &[&str], mode: &str) -> (Recording, Told) {
            let cert = Cert::new();
            let mut command = Command::new(go_program("peers", build));
            command.arg(cert.pem()).arg(cert.key()).arg(mode);
            let mut victim = Victim::start(command);
            victim.at_gate("start");
            // What the rest of the machine moves could fill the rings.
            let capture = Capture::start_with(&["--comm", "peers"]);
            victim.pass();
            let told = victim.finish();
            assert_same(&told.moved);
            (capture.stop().recording, told)
        }

        /// A hundred goroutines at once, on stacks that move within the calls.
        #[test]
        fn each_goroutine_with_a_connection() {
            for build in [&[][..], STRIPPED, &["-buildmode=pie"]] {
                let (recording, told) = observed(build, "alone");
                assert_shown(&recording, &told.moved, Addresses::Known);
                let conns = recording.of_pid(told.pid);
                assert_eq!(conns.len(), 200);
                assert!(conns.iter().all(|conn| conn.opened && conn.closed));
                let source = |found: &Option<String>| found.as_deref() == Some("descriptor");
                assert!(conns.iter().all(|conn| source(&conn.addr_source)));
            }
        }

        #[test]
        fn goroutines_that_share_connections() {
            let (recording, told) = observed(STRIPPED, "shared");
            assert_shown(&recording, &told.moved, Addresses::Known);
            assert_eq!(recording.of_pid(told.pid).len(), 20);
        }

        /// net/http's server, narrowed to its library: curl is not seen.
        #[test]
        fn http2_server() {
            let cert = Cert::new();
            let mut command = Command::new(go_program("serve", STRIPPED));
            command.arg(cert.pem()).arg(cert.key());
            command.env("SSLKEYLOGFILE", cert.dir().join("keys.log"));
            let server = Process::start(command);
            let port = server
                .stdout_line("its port", |line| line.strip_prefix("port ").map(ToOwned::to_owned));
            let capture = Capture::decoding(&["--lib", "go"]);
            let mut command = curl(&cert.pem());
            command.args(["--http2", "--parallel", "--output", "/dev/null"]);
            command.arg(format!("https://localhost:{port}/page[1-40]"));
            let client = Process::start(command).finish().success();
            let served = server.pid();
            // curl may have an answer before the call returns that sent it.
            let mut left = 40;
            capture.await_line("the last answer", |line| {
                left -= i32::from(line["pid"] == served && line["kind"] == "response");
                (left == 0).then_some(())
            });
            server.stop(Signal::TERM);
            let output = capture.output();
            let dir = capture.stop_keeping();
            let told = messages(&output, served);
            assert!(told.iter().all(|message| message["protocol"] == "HTTP/2"));
            assert_eq!(of_kind(&told, "request").len(), 40);
            let answers = answers(&told);
            assert_eq!(answers.len(), 40);
            assert!(answers.values().all(|body| body == b"hello"));
            assert!(messages(&output, client.pid).is_empty());
            drop(dir);
        }
    }
}
