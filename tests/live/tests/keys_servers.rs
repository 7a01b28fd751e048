//! `-m keylog` beside servers that log nothing: the keys of full and resumed handshakes, with
//! client certificates and early data, are those that the client, Debian's `openssl s_client`, logs
//! itself. It hands over the same keys, so only the server is captured, by its name.

mod live {
    mod root {
        use std::{path::Path, process::Command};

        use live::{
            Cert, KeyCapture, KeyServer, Nginx,
            Offer::{ClientCertificates, Resumption},
            Process, assert_same_keys, early_data, every_handshake, free_port, log_lines, python,
            s_client, source_path, version_of,
        };
        use rustix::process::Signal;

        /// Starts a server that says on its first line `port N`.
        #[track_caller]
        fn started(command: Command) -> (Process, String) {
            let server = Process::start(command);
            let port: u16 = server
                .stdout_line("where it listens", |line| line.strip_prefix("port ")?.parse().ok());
            (server, format!("127.0.0.1:{port}"))
        }

        /// Compares every kind of handshake with a server of this name.
        #[track_caller]
        fn same_keys(name: &str, cert: &Cert, command: Command) {
            let capture = KeyCapture::start_with(&["--comm", name]);
            let (server, address) = started(command);
            let logs = every_handshake(cert, &address, &[Resumption, ClientCertificates]);
            server.stop(Signal::TERM);
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
        }

        #[test]
        fn node() {
            let cert = Cert::new();
            let mut command = Command::new("/usr/bin/node");
            command.arg(source_path("tests/programs/node_asks.js")).arg(cert.pem());
            command.arg(cert.key());
            same_keys("node", &cert, command);
            println!("node: {}", version_of("/usr/bin/node", &["--version"]));
        }

        #[test]
        fn python3() {
            let cert = Cert::new();
            let mut command = python();
            command.arg(source_path("tests/programs/python_asks.py")).arg(cert.pem());
            command.arg(cert.key());
            same_keys("python3", &cert, command);
            println!("python: {}", version_of("/usr/bin/python3", &["--version"]));
        }

        /// Go logs no exporter secret, and nothing of a session of TLS 1.2 that it resumes: the
        /// reference is what it logs itself, and the client's log holds no more than those.
        #[test]
        fn stripped_go() {
            let cert = Cert::new();
            let binary = cert.dir().join("serve");
            let mut command = Command::new("go");
            command.args(["build", "-ldflags=-s -w", "-o"]).arg(&binary);
            command.arg(source_path("tests/programs/serve.go"));
            command.env("GOCACHE", cert.dir().join("cache")).env("HOME", cert.dir());
            command.env("GOFLAGS", "-mod=mod");
            Process::start(command).finish().success();
            let capture = KeyCapture::start_with(&["--comm", "serve"]);
            let mut command = Command::new(&binary);
            let own = cert.dir().join("own.log");
            command.arg(cert.pem()).arg(cert.key()).env("SSLKEYLOGFILE", &own);
            let (server, address) = started(command);
            let missed = format!("no keys for 1 connection of PID {} (serve, ", server.pid());
            let logs = every_handshake(&cert, &address, &[Resumption, ClientCertificates]);
            server.stop(Signal::TERM);
            let (captured, said) = capture.stop();
            assert!(said.contains(&missed), "{said}");
            let own = log_lines(&own);
            assert_same_keys(&captured, std::slice::from_ref(&own), &said);
            let left = unlogged(&own, &logs);
            assert_eq!(left.iter().filter(|line| line.starts_with("CLIENT_RANDOM ")).count(), 1);
            assert!(left.iter().all(|line| !line.contains("TRAFFIC")), "{left:?}");
            println!("go: {}", version_of("go", &["version"]));
        }

        /// nginx takes early data, too.
        #[test]
        fn nginx() {
            let capture = KeyCapture::start_with(&["--comm", "nginx"]);
            let options = "ssl_early_data on; ssl_verify_client optional_no_ca;
                ssl_session_cache shared:tests:1m;";
            let server = Nginx::configured(options, "TLSv1.2 TLSv1.3", 1, &[("index.html", b"hi")]);
            let cert = server.certificate();
            let offers = [Resumption, ClientCertificates];
            let mut logs = every_handshake(cert, &server.address(), &offers);
            let session = cert.dir().join("early-session").display().to_string();
            let args = ["-tls1_3", "-sess_out", &session];
            logs.push(s_client(cert, &server.address(), &args).1);
            logs.push(early_data(cert, &server.address(), &session, true));
            assert!(logs.iter().flatten().any(|line| line.starts_with("EARLY_EXPORTER_SECRET ")));
            server.stop();
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
            println!("nginx: {}", version_of("/usr/sbin/nginx", &["-v"]));
        }

        /// GnuTLS logs nothing of a session of TLS 1.2 that it resumes, but secrets of early data
        /// that nobody sends: the reference is what it logs itself.
        #[test]
        fn gnutls_serv() {
            let cert = Cert::new();
            let capture = KeyCapture::start_with(&["--comm", "gnutls-serv"]);
            let mut command = Command::new("gnutls-serv");
            command.args(["--http", "--earlydata", "--maxearlydata", "1000", "--x509keyfile"]);
            command.arg(cert.key()).arg("--x509certfile").arg(cert.pem());
            let port = free_port().to_string();
            let own = cert.dir().join("own.log");
            command.args(["--port", &port]).env("SSLKEYLOGFILE", &own);
            let server = Process::start(command);
            server.stderr_line("where it listens", |line| {
                line.contains(&format!("port {port}...done")).then_some(())
            });
            let missed = format!("no keys for 1 connection of PID {} (gnutls-serv, ", server.pid());
            let address = format!("127.0.0.1:{port}");
            let mut logs = every_handshake(&cert, &address, &[Resumption, ClientCertificates]);
            let session = cert.dir().join("early-session").display().to_string();
            logs.push(s_client(&cert, &address, &["-tls1_3", "-sess_out", &session]).1);
            logs.push(early_data(&cert, &address, &session, false));
            server.stop(Signal::TERM);
            let (captured, said) = capture.stop();
            let own = log_lines(&own);
            assert_same_keys(&captured, std::slice::from_ref(&own), &said);
            let left = unlogged(&own, &logs);
            assert!(left.len() == 1 && left[0].starts_with("CLIENT_RANDOM "), "{left:?}");
            assert!(said.contains(&missed), "{said}");
            println!("gnutls: {}", version_of("gnutls-serv", &["--version"]));
        }

        /// GnuTLS at the client: resumption, a certificate of its own, and early data. What it logs
        /// and what not is as at the server.
        #[test]
        fn gnutls_cli() {
            let capture = KeyCapture::start_with(&["--comm", "gnutls-cli"]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let (pem, key) = (server.cert().pem(), server.cert().key());
            let own = server.cert().dir().join("own.log");
            for version in ["1.2", "1.3"] {
                let again =
                    gnutls_client(&server, &own, version, &["--resume", "--waitresumption"]);
                assert!(again.contains("This is a resumed session"), "{again}");
                let with = ["--x509certfile", text(&pem), "--x509keyfile", text(&key)];
                let asked = gnutls_client(&server, &own, version, &with);
                assert!(asked.contains("Successfully sent 1 certificate"), "{asked}");
            }
            let early = server.cert().dir().join("early");
            std::fs::write(&early, "first\n").expect("a folder");
            let taking = KeyServer::start(&["-early_data", "-max_early_data", "1000"]);
            let args = ["--resume", "--waitresumption", "--earlydata", text(&early)];
            gnutls_client(&taking, &own, "1.3", &args);
            taking.await_received(b"Early data received");
            let own = log_lines(&own);
            let logs = [server.stop(), taking.stop()];
            let (captured, said) = capture.stop();
            let begins = |label| logs[1].iter().any(|line: &String| line.starts_with(label));
            assert!(begins("CLIENT_EARLY_TRAFFIC_SECRET "), "{logs:?}");
            assert_same_keys(&captured, std::slice::from_ref(&own), &said);
            let left = unlogged(&own, &logs);
            assert!(left.len() == 1 && left[0].starts_with("CLIENT_RANDOM "), "{left:?}");
            println!("gnutls: {}", version_of("gnutls-cli", &["--version"]));
        }

        /// Asks for a page and reads to the end; what was said.
        #[track_caller]
        fn gnutls_client(server: &KeyServer, own: &Path, version: &str, args: &[&str]) -> String {
            let mut command = Command::new("gnutls-cli");
            command.args(["--port", &server.port(), "--x509cafile", text(&server.cert().pem())]);
            command.args(["--priority", &format!("NORMAL:-VERS-ALL:+VERS-TLS{version}")]);
            command.args(args).arg("localhost").env("SSLKEYLOGFILE", own);
            let mut client = Process::start(command);
            client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
            client.finish().stdout_text()
        }

        /// What clients logged and the server did not.
        fn unlogged<'a>(own: &[String], logs: &'a [Vec<String>]) -> Vec<&'a String> {
            logs.iter().flatten().filter(|line| !own.contains(line)).collect()
        }

        fn text(path: &Path) -> &str {
            path.to_str().expect("a path")
        }
    }
}
