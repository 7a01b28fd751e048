//! Keys of connections that were opened before the capture: read when their program uses them next,
//! and the same that the peers logged.

mod live {
    mod root {
        use std::{
            path::{Path, PathBuf},
            process::Command,
        };

        use live::{Cert, KeyCapture, KeyServer, Nginx, Process, log_lines, python, version_of};
        use rustix::process::Signal;

        /// `openssl s_client` with a connection that stays, and the log of its keys.
        struct Client {
            process: Process,
            log: PathBuf,
        }

        impl Client {
            #[track_caller]
            fn start(server: &KeyServer, version: &str) -> Self {
                let log = server.cert().dir().join("client.log");
                let mut command = Command::new("openssl");
                command.args(["s_client", "-quiet", "-connect", &server.address(), version]);
                command.arg("-keylogfile").arg(&log);
                Self { process: Process::start(command), log }
            }

            /// Sends a line and waits until it came.
            #[track_caller]
            fn send(&mut self, server: &KeyServer, line: &str) {
                self.process.feed(format!("{line}\n").as_bytes(), false);
                server.await_received(line.as_bytes());
            }

            fn stop(self) {
                self.process.stop(Signal::TERM);
            }
        }

        /// The lines that an older connection can have: what is needed no more is not kept.
        #[track_caller]
        fn kept(log: &Path) -> Vec<String> {
            let mut lines = log_lines(log);
            lines.retain(|line| !line.contains("_HANDSHAKE_"));
            lines.sort();
            assert!(!lines.is_empty(), "the peer logged no keys");
            lines
        }

        /// The captured lines about the same connections.
        fn of_same<'a>(captured: &'a [String], log: &[String]) -> Vec<&'a String> {
            let random = |line: &str| line.split(' ').nth(1).map(ToOwned::to_owned);
            let known: Vec<_> = log.iter().map(|line| random(line)).collect();
            let mut lines: Vec<_> =
                captured.iter().filter(|line| known.contains(&random(line))).collect();
            lines.sort();
            lines
        }

        #[test]
        fn a_connection_of_tls13() {
            let (server, other) = (KeyServer::start(&[]), KeyServer::start(&[]));
            let mut old = Client::start(&server, "-tls1_3");
            old.send(&server, "first");
            let capture = KeyCapture::start();
            // Another connection of the same library shows where they are.
            let mut new = Client::start(&other, "-tls1_3");
            new.send(&other, "hello");
            capture.await_said("looking into connections of ");
            old.send(&server, "second");
            let log = kept(&old.log);
            [old, new].into_iter().for_each(Client::stop);
            [server, other].into_iter().for_each(|server| drop(server.stop()));
            let (captured, said) = capture.stop();
            assert_eq!(log.len(), 3, "{log:?}");
            assert_eq!(of_same(&captured, &log), log.iter().collect::<Vec<_>>(), "{said}");
        }

        #[test]
        fn a_connection_of_tls12() {
            let servers = [(); 3].map(|()| KeyServer::start(&[]));
            let mut old = Client::start(&servers[0], "-tls1_2");
            old.send(&servers[0], "first");
            let capture = KeyCapture::start_with(&["-d"]);
            // What TLS 1.3 keeps at the same place is something else, so both are needed.
            let mut first = Client::start(&servers[1], "-tls1_3");
            first.send(&servers[1], "hello");
            let mut second = Client::start(&servers[2], "-tls1_2");
            second.send(&servers[2], "hello");
            capture.await_said("master: Some(");
            let log = kept(&old.log);
            let mut count = 0;
            use_until_kept(&capture, &log, || {
                count += 1;
                old.send(&servers[0], &format!("line {count}"));
            });
            [old, first, second].into_iter().for_each(Client::stop);
            servers.into_iter().for_each(|server| drop(server.stop()));
            let (captured, said) = capture.stop();
            assert_eq!(log.len(), 1, "{log:?}");
            assert_eq!(of_same(&captured, &log), log.iter().collect::<Vec<_>>(), "{said}");
        }

        /// `gnutls-cli` with a connection that stays.
        #[track_caller]
        fn gnutls_client(server: &KeyServer, version: &str) -> Process {
            let port = server.address().rsplit(':').next().expect("a port").to_owned();
            let mut command = Command::new("gnutls-cli");
            command.args(["--port", &port, "--x509cafile"]).arg(server.cert().pem());
            command.args(["--priority", &format!("NORMAL:-VERS-ALL:+VERS-TLS{version}")]);
            command.arg("localhost");
            let client = Process::start(command);
            client.stdout_line("that it is connected", |line| {
                line.contains("Handshake was completed").then_some(())
            });
            client
        }

        /// Uses the old connection until its keys are in the file: how much is known of where they
        /// are grows.
        #[track_caller]
        fn use_until_kept(capture: &KeyCapture, log: &[String], mut used: impl FnMut()) {
            let until = std::time::Instant::now() + live::deadline();
            loop {
                used();
                let captured = capture.so_far();
                if of_same(&captured, log).len() >= log.len() {
                    return;
                }
                assert!(std::time::Instant::now() < until, "not all of {log:?} in {captured:?}");
            }
        }

        /// GnuTLS at the client: the same for both versions, which TLS 1.3 explains.
        #[test]
        fn gnutls_clients() {
            let servers = [(); 4].map(|()| KeyServer::start(&[]));
            let mut old = [gnutls_client(&servers[0], "1.3"), gnutls_client(&servers[1], "1.2")];
            for (client, server) in old.iter_mut().zip(&servers) {
                client.feed(b"first\n", false);
                server.await_received(b"first");
            }
            // The servers have the same keys, and their library is understood as well.
            let capture = KeyCapture::start_with(&["--comm", "gnutls-cli"]);
            let mut new = [gnutls_client(&servers[2], "1.3"), gnutls_client(&servers[3], "1.2")];
            for (client, server) in new.iter_mut().zip(&servers[2..]) {
                client.feed(b"hello\n", false);
                server.await_received(b"hello");
            }
            capture.await_said("looking into connections of ");
            let logs = [&servers[0], &servers[1]]
                .map(|server| kept(&server.cert().dir().join("server.log")));
            for (number, log) in logs.iter().enumerate() {
                let mut count = 0;
                use_until_kept(&capture, log, || {
                    count += 1;
                    let line = format!("line {count} of {number}\n");
                    old[number].feed(line.as_bytes(), false);
                    servers[number].await_received(line.as_bytes());
                });
            }
            [old, new].into_iter().flatten().for_each(|client| drop(client.stop(Signal::TERM)));
            servers.into_iter().for_each(|server| drop(server.stop()));
            let (captured, said) = capture.stop();
            assert_eq!(logs.each_ref().map(Vec::len), [3, 1], "{logs:?}");
            for log in logs {
                assert_eq!(of_same(&captured, &log), log.iter().collect::<Vec<_>>(), "{said}");
            }
            println!("gnutls: {}", version_of("gnutls-cli", &["--version"]));
        }

        /// GnuTLS at the server, which answers what it is sent.
        #[test]
        fn gnutls_server() {
            let cert = Cert::new();
            let mut command = Command::new("gnutls-serv");
            command.args(["--echo", "--x509keyfile"]).arg(cert.key());
            command.arg("--x509certfile").arg(cert.pem());
            let port = free_port();
            command.args(["--port", &port]);
            let server = Process::start(command);
            server.stderr_line("where it listens", |line| {
                line.contains(&format!("port {port}...done")).then_some(())
            });
            let client = |name: &str| {
                let log = cert.dir().join(name);
                let mut command = Command::new("openssl");
                command.args(["s_client", "-quiet", "-tls1_3", "-connect"]);
                command.arg(format!("127.0.0.1:{port}")).arg("-keylogfile").arg(&log);
                let mut client = Process::start(command);
                client.feed(b"first\n", false);
                client.stdout_holds(b"first");
                (client, log)
            };
            let (mut old, log) = client("old");
            let capture = KeyCapture::start_with(&["--comm", "gnutls-serv"]);
            let (new, _) = client("new");
            capture.await_said("looking into connections of ");
            let log = kept(&log);
            let mut count = 0;
            use_until_kept(&capture, &log, || {
                count += 1;
                let line = format!("line {count}\n");
                old.feed(line.as_bytes(), false);
                old.stdout_holds(line.as_bytes());
            });
            [old, new, server].into_iter().for_each(|process| drop(process.stop(Signal::TERM)));
            let (captured, said) = capture.stop();
            assert_eq!(log.len(), 3, "{log:?}");
            assert_eq!(of_same(&captured, &log), log.iter().collect::<Vec<_>>(), "{said}");
        }

        fn free_port() -> String {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port().to_string()
        }

        const KEEP_ALIVE: &str = "import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
one = http.client.HTTPSConnection(sys.argv[1], context=context)
for _ in sys.stdin:
    one.request('GET', '/page')
    print(one.getresponse().read().decode(), flush=True)
";

        #[test]
        fn python_with_nginx() {
            python_and_nginx("python3");
        }

        #[test]
        fn nginx_with_python() {
            python_and_nginx("nginx");
        }

        /// A keep-alive connection between them, of which one end is asked; nginx serves a new one
        /// meanwhile.
        #[track_caller]
        fn python_and_nginx(asked: &str) {
            let server = Nginx::speaking("TLSv1.3", 1, &[("page", b"hello")]);
            let dir = tempfile::tempdir().expect("a temporary directory");
            let log = dir.path().join("python.log");
            let connect = |log: &Path| {
                let mut command = python();
                command.args(["-c", KEEP_ALIVE, &server.address()]).arg(server.cert());
                command.env("SSLKEYLOGFILE", log);
                let mut client = Process::start(command);
                client.feed(b"\n", false);
                let answered = |line: &str| line.contains("hello").then_some(());
                client.stdout_line("the first answer", answered);
                client
            };
            let mut client = connect(&log);
            let answered = |line: &str| line.contains("hello").then_some(());
            let capture = KeyCapture::start_with(&["--comm", asked]);
            // One that is still there when it is looked into.
            let _other = connect(&dir.path().join("other.log"));
            capture.await_said("looking into connections of ");
            let log = kept(&log);
            use_until_kept(&capture, &log, || {
                client.feed(b"\n", false);
                client.stdout_line("one more answer", answered);
            });
            client.feed(b"", true);
            client.finish().success();
            server.stop();
            let (captured, said) = capture.stop();
            assert_eq!(log.len(), 3, "{log:?}");
            assert_eq!(of_same(&captured, &log), log.iter().collect::<Vec<_>>(), "{said}");
        }
    }
}
