//! `-m keylog`: the keys are those that the peers log themselves, line for line.

mod live {
    mod root {
        use std::{path::Path, process::Command};

        use live::{
            KeyCapture, KeyServer, Process, assert_same_keys, await_content, curl, free_port,
            log_lines, version_of,
        };

        /// Both ends log: full handshakes, resumption, early data, client certificates.
        #[test]
        fn openssl_client_and_server() {
            let capture = KeyCapture::start();
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let session = |name| server.cert().dir().join(name).display().to_string();
            let (old, new) = (session("12"), session("13"));
            let mut logs = vec![
                server.s_client("a", &["-tls1_3", "-sess_out", &new]),
                server.s_client("b", &["-tls1_3", "-sess_in", &new]),
                server.s_client("c", &["-tls1_2", "-sess_out", &old]),
                server.s_client("d", &["-tls1_2", "-sess_in", &old]),
                server.s_client("e", &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"]),
            ];
            let (cert, key) = (server.cert().pem(), server.cert().key());
            let own = ["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
            logs.push(server.s_client("f", &[&["-tls1_3"][..], &own].concat()));
            logs.push(server.s_client("g", &[&["-tls1_2"][..], &own].concat()));
            logs.push(server.stop());
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
            println!("openssl: {}", version_of("openssl", &["version"]));
        }

        /// What a client sends before the handshake is done has a key of its own, also if the server
        /// does not take it.
        #[test]
        fn openssl_early_data() {
            let capture = KeyCapture::start();
            let server = KeyServer::start(&["-www", "-max_early_data", "1000"]);
            let ticket = server.cert().dir().join("ticket").display().to_string();
            let first = server.s_client("a", &["-tls1_3", "-sess_out", &ticket]);
            let early = server.cert().dir().join("early");
            std::fs::write(&early, "GET / HTTP/1.0\r\n\r\n").unwrap();
            let args = ["-tls1_3", "-sess_in", &ticket, "-early_data", early.to_str().unwrap()];
            let second = server.s_client("b", &args);
            assert!(second.iter().any(|line| line.starts_with("CLIENT_EARLY_TRAFFIC_SECRET ")));
            let logs = [first, second, server.stop()];
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
        }

        /// The server takes early data: every label of TLS 1.3 is there, at both ends.
        #[test]
        fn openssl_early_data_that_is_accepted() {
            let capture = KeyCapture::start();
            let server = KeyServer::start(&["-early_data", "-max_early_data", "1000"]);
            let ticket = server.cert().dir().join("ticket");
            let early = server.cert().dir().join("early");
            std::fs::write(&early, "first\n").unwrap();
            let mut first = server.client("a", &["-sess_out", ticket.to_str().unwrap()]);
            await_content(&ticket);
            first.feed(b"Q\n", true);
            first.finish().success();
            let args =
                ["-sess_in", ticket.to_str().unwrap(), "-early_data", early.to_str().unwrap()];
            let mut second = server.client("b", &args);
            second.stdout_line("that its early data was taken", |line| {
                line.contains("Early data was accepted").then_some(())
            });
            second.feed(b"Q\n", true);
            second.finish().success();
            let client = |name| log_lines(&server.cert().dir().join(name));
            let logs = [client("a"), client("b"), server.stop()];
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
            for label in [
                "CLIENT_EARLY_TRAFFIC_SECRET",
                "EARLY_EXPORTER_SECRET",
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0",
                "SERVER_TRAFFIC_SECRET_0",
                "EXPORTER_SECRET",
            ] {
                for log in &logs[1..] {
                    assert!(
                        log.iter().any(|line| line.split(' ').next() == Some(label)),
                        "{label}"
                    );
                }
            }
        }

        /// Only the chosen process's keys are written.
        #[test]
        fn a_name_that_is_not_asked_for_is_left_out() {
            let capture = KeyCapture::start_with(&["--comm", "no-such-name"]);
            let server = KeyServer::start(&["-www"]);
            server.s_client("a", &["-tls1_3"]);
            server.stop();
            let (captured, said) = capture.stop();
            assert!(captured.is_empty(), "{captured:?}");
            assert!(said.contains("0 keys of 0 connections, 0 lost"), "{said}");
        }

        #[test]
        fn gnutls_client() {
            let capture = KeyCapture::start_with(&["--comm", "gnutls-cli"]);
            let server = KeyServer::start(&["-www"]);
            let port = server.port();
            for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"] {
                let mut command = Command::new("gnutls-cli");
                command.args(["--port", &port, "--priority", priority, "--x509cafile"]);
                command.arg(server.cert().pem()).arg("localhost");
                let mut client = Process::start(command);
                client.stdout_line("that it is connected", |line| {
                    line.contains("Handshake was completed").then_some(())
                });
                client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
                client.finish();
            }
            let log = server.stop();
            assert!(log.len() >= 6, "{log:?}");
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &[log], &said);
            println!("gnutls: {}", version_of("gnutls-cli", &["--version"]));
        }

        #[test]
        fn gnutls_server() {
            let capture = KeyCapture::start_with(&["--comm", "gnutls-serv"]);
            let cert = live::Cert::new();
            let log = cert.dir().join("gnutls.log");
            let mut command = Command::new("gnutls-serv");
            command.args(["--http", "--x509keyfile"]).arg(cert.key());
            command.arg("--x509certfile").arg(cert.pem());
            command.env("SSLKEYLOGFILE", &log);
            let port = free_port();
            command.args(["--port", &port.to_string()]);
            let server = Process::start(command);
            server.stderr_line("where it listens", |line| {
                line.contains(&format!("port {port}...done")).then_some(())
            });
            for version in ["1.2", "1.3"] {
                let mut command = curl(&cert.pem());
                command.args(["-o", "/dev/null", "--tls-max", version]);
                command.arg(format!("https://localhost:{port}/"));
                Process::start(command).finish().success();
            }
            server.stop(rustix::process::Signal::TERM);
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &[log_lines(&log)], &said);
        }

        /// tshark reads the file while it grows.
        #[test]
        fn tshark_decrypts_with_it() {
            let capture = KeyCapture::start();
            let server = KeyServer::start(&["-www"]);
            let packets = server.cert().dir().join("packets.pcap");
            let port = server.port();
            let mut command = Command::new("tshark");
            command.args(["-q", "-i", "lo", "-f", &format!("tcp port {port}"), "-w"]);
            command.arg(&packets);
            let tshark = Process::start(command);
            tshark.stderr_line("that it captures", |line| {
                line.contains("Capturing on").then_some(())
            });
            await_content(&packets);
            for version in ["1.2", "1.3"] {
                let mut command = curl(&server.cert().pem());
                command.args(["-o", "/dev/null", "--tls-max", version, &server.url()]);
                Process::start(command).finish().success();
            }
            server_said(&packets, &capture.path(), &port);
            tshark.stop(rustix::process::Signal::INT);
            server.stop();
            capture.stop();
        }

        /// Both requests are read in the clear, while the capture goes on.
        fn server_said(packets: &Path, keys: &Path, port: &str) {
            let until = std::time::Instant::now() + live::deadline();
            loop {
                let mut command = Command::new("tshark");
                command.arg("-r").arg(packets).arg("-o");
                command.arg(format!("tls.keylog_file:{}", keys.display()));
                command.args(["-d", &format!("tcp.port=={port},tls"), "-Y", "http.request"]);
                command.args(["-T", "fields", "-e", "http.request.method"]);
                let read = Process::start(command).finish();
                let found = read.stdout_text().lines().filter(|line| *line == "GET").count();
                if found == 2 {
                    return;
                }
                let said = read.stderr_text();
                assert!(std::time::Instant::now() < until, "{found} requests read\n{said}");
            }
        }
    }
}
