//! NSS, Mbed TLS and wolfSSL: every function of theirs that moves bytes.

mod live {
    mod root {
        use std::{fs, path::Path, process::Command};

        use live::{Addresses, Capture, Cert, Process, Recording, Told, assert_shown, peers};
        use rustix::process::Signal;

        /// Runs the test's own program over a library, and checks that each connection is shown byte
        /// for byte, in files whose names begin so.
        #[track_caller]
        fn shown(name: &str, link: &[&str], options: &str, file: &str) -> (Recording, Told) {
            let cert = Cert::new();
            let mut victim = peers(&cert, name, link, options);
            victim.at_gate("start");
            // What the rest of the machine moves could fill the rings.
            let capture = Capture::start_with(&["--comm", &format!("{name}-peers")]);
            victim.pass();
            let told = victim.finish();
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::Known);
            let conns: Vec<_> = told.moved.iter().flat_map(|m| recording.of_pid(m.pid)).collect();
            assert_eq!(conns.len(), 2);
            assert!(conns.iter().all(|conn| conn.opened && conn.closed));
            assert!(conns.iter().all(|conn| conn.lib.contains(file)));
            assert_peeks(&recording, &told);
            (recording, told)
        }

        /// Each peek is shown once, and holds what is read there afterwards.
        #[track_caller]
        fn assert_peeks(recording: &Recording, told: &Told) {
            let notes = told.notes.iter().filter(|(_, name, _)| name == "peeked");
            let mut noted: Vec<usize> =
                notes.map(|(.., len)| len.parse().expect("a length")).collect();
            let mut seen = Vec::new();
            for conn in told.moved.iter().flat_map(|m| recording.of_pid(m.pid)) {
                for (pos, data) in &conn.read.peeked {
                    let pos = *pos as usize;
                    assert_eq!(conn.read.bytes.get(pos..pos + data.len()), Some(&data[..]));
                    seen.push(data.len());
                }
            }
            noted.sort_unstable();
            seen.sort_unstable();
            assert_eq!(seen, noted);
        }

        #[test]
        fn mbedtls() {
            let link = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"];
            shown("mbedtls", &link, "", "libmbedtls");
        }

        #[test]
        fn wolfssl() {
            for version in ["tls12=0", "tls12=1"] {
                let (_, told) = shown("wolfssl", &["-lwolfssl"], version, "libwolfssl");
                assert!(!told.notes.is_empty(), "nothing was peeked");
            }
        }

        /// The program writes to files and plain sockets by the same functions.
        #[test]
        fn nss() {
            let database = Database::new();
            let link = ["-I/usr/include/nspr", "-I/usr/include/nss", "-lssl3", "-lnss3", "-lnspr4"];
            for version in ["tls12=0", "tls12=1"] {
                let options = format!("cert={} {version}", database.path().display());
                let (recording, told) = shown("nss", &link, &options, "libnspr4");
                assert!(!told.notes.is_empty(), "nothing was peeked");
                for conn in recording.all() {
                    for bytes in [&conn.read.bytes, &conn.write.bytes] {
                        assert!(!bytes.windows(5).any(|five| five == b"PLAIN"), "{}", conn.id);
                    }
                }
            }
        }

        /// Debian's own programs. The client copies its input and its output by NSPR's functions,
        /// of which only those of the connection are shown.
        #[test]
        fn tstclnt_and_selfserv() {
            let database = Database::new();
            let _in_use = in_use();
            for version in ["tls1.3:tls1.3", "tls1.2:tls1.2"] {
                let capture = Capture::start();
                let port = free_port().to_string();
                let mut command = Command::new("selfserv");
                command.args(["-n", "localhost", "-p", &port, "-v", "-V", "tls1.2:tls1.3", "-d"]);
                let server = Process::start({
                    command.arg(database.path());
                    command
                });
                server.stderr_line("that it listens", |line| {
                    line.contains("About to call accept").then_some(())
                });
                let mut command = Command::new("tstclnt");
                command.args(["-h", "localhost", "-4", "-p", &port, "-V", version, "-o", "-d"]);
                let mut client = Process::start({
                    command.arg(database.path());
                    command
                });
                client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
                client.stdout_line("the answer's end", |line| (line.trim() == "EOF").then_some(()));
                // It would wait for more.
                let finished = client.stop(Signal::TERM);
                let served = server.pid();
                // The client may have the answer before the call returns that sent it.
                capture.await_event("the answer's end", |event| {
                    let sent = event.pid == Some(served) && event.dir.as_deref() == Some("write");
                    let data = event.data.as_deref().filter(|_| sent).unwrap_or_default();
                    data.windows(3).any(|three| three == b"EOF").then_some(())
                });
                server.stop(Signal::TERM);
                let recording = capture.stop().recording;
                let [asked] = recording.of_pid(finished.pid)[..] else {
                    panic!("{}", finished.stderr_text())
                };
                let [served] = recording.of_pid(served)[..] else { panic!("no server") };
                asked.assert_whole();
                served.assert_whole();
                assert_eq!(asked.write.bytes, b"GET / HTTP/1.0\r\n\r\n");
                assert!(asked.read.bytes.starts_with(b"HTTP/1.0 200 OK"));
                assert_eq!(served.read.bytes, asked.write.bytes);
                assert!(served.write.bytes.starts_with(&asked.read.bytes));
                assert_eq!(asked.remote, Some(format!("127.0.0.1:{port}")));
            }
        }

        /// A process that keeps NSS mapped, so that its files are hooked when a capture begins.
        #[track_caller]
        fn in_use() -> Process {
            let mut command = live::python();
            let program = "import ctypes, sys; ctypes.CDLL('libssl3.so'); \
                print('mapped', flush=True); sys.stdin.read()";
            command.args(["-c", program]);
            let process = Process::start(command);
            process.stdout_line("that it runs", |line| (line == "mapped").then_some(()));
            process
        }

        /// A certificate and its key, as NSS keeps them.
        struct Database(tempfile::TempDir);

        impl Database {
            #[track_caller]
            fn new() -> Self {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let noise = dir.path().join("noise");
                fs::write(&noise, [7; 256]).expect("a file");
                let certutil = |args: &[&str]| {
                    let mut command = Command::new("certutil");
                    command.arg("-d").arg(dir.path()).args(args);
                    Process::start(command).finish().success();
                };
                certutil(&["-N", "--empty-password"]);
                let own = ["-S", "-x", "-n", "localhost", "-s", "CN=localhost", "-t", "CTu,,"];
                certutil(&[&own[..], &["-m", "1", "-z", &noise.display().to_string()]].concat());
                Self(dir)
            }

            fn path(&self) -> &Path {
                self.0.path()
            }
        }

        fn free_port() -> u16 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        }
    }
}
