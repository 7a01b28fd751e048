//! `-m keylog` of NSS, whose log function gets no bytes in Debian's build: the keys are those that the
//! peer, Debian's `openssl`, logs itself. It hands over the same keys, so only NSS's programs are
//! captured, by their names.

mod live {
    mod root {
        use std::{
            fs,
            process::Command,
            thread,
            time::{Duration, Instant},
        };

        use live::{
            Cert, KeyCapture, KeyServer,
            Offer::{ClientCertificates, Resumption},
            Process, assert_same_keys, await_port, deadline, every_handshake, free_port, s_client,
            try_early_data,
        };
        use rustix::process::Signal;

        /// What OpenSSL is told so that it speaks TLS 1.1.
        const OLD: &str = "DEFAULT:@SECLEVEL=0";

        /// Full handshakes, resumed ones, with a certificate, and with early data.
        #[test]
        fn tstclnt() {
            let capture = KeyCapture::start_with(&["--comm", "tstclnt"]);
            let server = KeyServer::start(&["-www", "-verify", "1", "-cipher", OLD]);
            let base = nss_base(server.cert());
            let request = server.cert().dir().join("request");
            fs::write(&request, "GET / HTTP/1.0\r\n\r\n").expect("a folder");
            let request = request.to_str().expect("a path");
            let client = |server: &KeyServer, version: &str, args: &[&str]| {
                let mut command = Command::new("tstclnt");
                command.args(["-h", "localhost", "-4", "-p", &server.port(), "-d", &base]);
                command.args(["-o", "-u", "-A", request, "-V", &format!("{version}:{version}")]);
                command.args(args);
                Process::start(command)
            };
            let said = |version, args: &[&str]| {
                client(&server, version, args).finish().success().stdout_text()
            };
            for version in ["tls1.1", "tls1.2", "tls1.3"] {
                let twice = said(version, &["-L", "2"]);
                let kinds = ["\nNew, ", "\nReused, "].map(|kind| twice.matches(kind).count());
                assert_eq!(kinds, [1, 1], "{version}: {twice}");
                let own = said(version, &["-n", "peer"]);
                assert!(own.contains("\nClient certificate\n"), "{version}: {own}");
            }
            let mut taking = KeyServer::start(&["-early_data", "-max_early_data", "1000"]);
            // OpenSSL may take none from who comes back at once.
            for count in 1.. {
                let twice = client(&taking, "tls1.3", &["-L", "2", "-Z"]);
                taking.await_repeated(b"GET / HTTP/1.0", 2 * count - 1);
                taking.end_connection();
                taking.await_repeated(b"GET / HTTP/1.0", 2 * count);
                taking.await_repeated(b"\nReused session-id", count);
                taking.end_connection();
                twice.finish().success();
                if taking.has_said("End of early data") {
                    break;
                }
                assert!(count < 100, "the server takes no early data");
            }
            let logs = [server.stop(), taking.stop()];
            let begins = |line: &String| line.starts_with("CLIENT_EARLY_TRAFFIC_SECRET ");
            assert!(logs[1].iter().any(begins), "{logs:?}");
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
            println!("tstclnt: {}", version());
        }

        #[test]
        fn selfserv() {
            let capture = KeyCapture::start_with(&["--comm", "selfserv"]);
            let cert = Cert::new();
            let port = free_port();
            let mut command = Command::new("selfserv");
            command.args(["-n", "peer", "-p", &port.to_string(), "-d", &nss_base(&cert)]);
            command.args(["-V", "tls1.0:tls1.3", "-r", "-u", "-Z"]);
            let server = Process::start(command);
            await_port(port);
            let address = format!("127.0.0.1:{port}");
            let mut logs = every_handshake(&cert, &address, &[Resumption, ClientCertificates]);
            logs.push(s_client(&cert, &address, &["-tls1_1", "-cipher", OLD]).1);
            logs.extend(early_data(&cert, &address));
            server.stop(Signal::TERM);
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
            println!("selfserv: {}", version());
        }

        /// Early data, offered until it is taken: the server takes none in its first ten seconds,
        /// since a copy of it may have come before (RFC 8446, section 8.2).
        #[track_caller]
        fn early_data(cert: &Cert, address: &str) -> Vec<Vec<String>> {
            let until = Instant::now() + deadline();
            let session = cert.dir().join("early-session").display().to_string();
            let mut logs = Vec::new();
            loop {
                logs.push(s_client(cert, address, &["-tls1_3", "-sess_out", &session]).1);
                // It answers, and breaks off before it read all that it was sent.
                let (taken, _, mut log) = try_early_data(cert, address, &session, false);
                if taken {
                    logs.push(log);
                    return logs;
                }
                // It did not even compute what would decrypt it.
                log.retain(|line| !line.contains("EARLY"));
                logs.push(log);
                assert!(Instant::now() < until, "the server takes no early data");
                thread::sleep(Duration::from_millis(500));
            }
        }

        /// An NSS database with a certificate, trusted, as `peer`.
        #[track_caller]
        fn nss_base(cert: &Cert) -> String {
            let folder = cert.dir().join("nss");
            fs::create_dir(&folder).expect("a free name");
            let base = format!("sql:{}", folder.display());
            let bundle = folder.join("peer.p12").display().to_string();
            let (pem, key) = (cert.pem().display().to_string(), cert.key().display().to_string());
            for (program, args) in [
                ("certutil", &["-N", "-d", &base, "--empty-password"][..]),
                (
                    "openssl",
                    &[
                        "pkcs12", "-export", "-in", &pem, "-inkey", &key, "-name", "peer",
                        "-passout", "pass:", "-out", &bundle,
                    ],
                ),
                ("pk12util", &["-i", &bundle, "-d", &base, "-W", ""]),
                ("certutil", &["-M", "-n", "peer", "-t", "CT,C,C", "-d", &base]),
            ] {
                Process::run(program, args).success();
            }
            base
        }

        /// Which NSS it is: its programs don't say.
        fn version() -> String {
            let args = ["-W", "-f", "${Package} ${Version}", "libnss3"];
            Process::run("dpkg-query", args).success().stdout_text()
        }
    }
}
