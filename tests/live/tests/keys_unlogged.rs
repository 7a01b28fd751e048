//! `-m keylog` of libraries that hand no key to a log function: the keys are those that the peer
//! logs, line for line. The peer's library does log, and hands over the same keys, so only the
//! program in question is captured, by its name.

mod live {
    mod root {
        use std::{
            fs,
            path::{Path, PathBuf},
            process::Command,
        };

        use live::{
            Cert, KeyCapture, KeyServer,
            Offer::{ClientCertificates, Resumption},
            Process, assert_same_keys, await_port, free_port, handshakes, known_as, libressl,
            openssl_102, source_path,
        };
        use rustix::process::Signal;

        /// LibreSSL keeps the master secret of TLS 1.2 in the connection, and computes the secrets
        /// of TLS 1.3 by `HKDF_expand`. There it resumes no session and sends no certificate, and its
        /// own s_client may never get to send anything.
        #[test]
        fn libressl_client() {
            let library = libressl().join("lib/libssl.so");
            let capture = KeyCapture::start_with(&["--comm", "old-openssl"]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let said = fetch(&library, &server, "TLSv1_2_client_method", &ALL);
            assert!(said.contains("LibreSSL"), "{said}");
            fetch(&library, &server, "TLS_client_method", &["explicit", "implicit"]);
            let log = server.stop();
            assert_eq!(log.len(), ALL.len() + 1 + 2 * 5, "{log:?}");
            let (captured, stderr) = capture.stop();
            assert_same_keys(&without_early(captured), &[log], &stderr);
            println!("{said}");
        }

        /// It speaks no TLS 1.3 as a server.
        #[test]
        fn libressl_server() {
            let libressl = libressl();
            let capture = KeyCapture::start_with(&["--comm", "libressl"]);
            let cert = Cert::new();
            let program = known_as(cert.dir(), "libressl", libressl.join("bin/openssl"));
            let mut command = Command::new(&program);
            command.env("LD_LIBRARY_PATH", libressl.join("lib"));
            let port = free_port();
            command.args(["s_server", "-www", "-verify", "1", "-accept", &port.to_string()]);
            command.arg("-cert").arg(cert.pem()).arg("-key").arg(cert.key());
            command.arg("-CAfile").arg(cert.pem());
            let server = Process::start(command);
            await_port(port);
            let address = format!("127.0.0.1:{port}");
            let logs = handshakes("-tls1_2", &cert, &address, &[Resumption, ClientCertificates]);
            server.stop(Signal::TERM);
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &logs, &said);
        }

        /// OpenSSL before 1.1.1, out of a Python wheel.
        #[test]
        fn openssl_102_client() {
            let capture = KeyCapture::start_with(&["--comm", "old-openssl"]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let said = fetch(&wheel(), &server, "TLSv1_2_client_method", &ALL);
            assert!(said.contains("OpenSSL 1.0.2"), "{said}");
            let log = server.stop();
            assert_eq!(log.len(), ALL.len() + 1, "{log:?}");
            let (captured, stderr) = capture.stop();
            assert_same_keys(&captured, &[log], &stderr);
            println!("{said}");
        }

        #[test]
        fn openssl_102_server() {
            let capture = KeyCapture::start_with(&["--comm", "old-openssl"]);
            let cert = Cert::new();
            let mut command = old_openssl(&wheel(), &cert, "serve", "TLSv1_2_server_method");
            command.arg(cert.pem()).arg(cert.key());
            let server = Process::start(command);
            let port: u16 = server
                .stdout_line("where it listens", |line| line.strip_prefix("port ")?.parse().ok());
            let address = format!("127.0.0.1:{port}");
            let logs = handshakes("-tls1_2", &cert, &address, &[Resumption, ClientCertificates]);
            let said = server.stop(Signal::TERM).stdout_text();
            assert!(said.contains("OpenSSL 1.0.2"), "{said}");
            let (captured, stderr) = capture.stop();
            assert_same_keys(&captured, &logs, &stderr);
            println!("{said}");
        }

        /// Every kind of connection that `old_openssl.py` knows.
        const ALL: [&str; 4] = ["explicit", "implicit", "resumed", "own"];

        /// Python calls a library's functions; what version that says it is.
        #[track_caller]
        fn fetch(library: &Path, server: &KeyServer, method: &str, kinds: &[&str]) -> String {
            let cert = server.cert();
            let mut command = old_openssl(library, cert, "fetch", method);
            command.arg(cert.pem()).arg(cert.key()).arg(server.port()).args(kinds);
            Process::start(command).finish().success().stdout_text()
        }

        fn old_openssl(library: &Path, cert: &Cert, verb: &str, method: &str) -> Command {
            let mut command = Command::new(known_as(cert.dir(), "old-openssl", "/usr/bin/python3"));
            command.arg(source_path("tests/programs/old_openssl.py")).arg(library);
            command.env("LD_LIBRARY_PATH", library.parent().expect("a folder"));
            command.args([verb, method]);
            command
        }

        /// The libssl of a wheel.
        #[track_caller]
        fn wheel() -> PathBuf {
            let files = fs::read_dir(openssl_102()).expect("a folder");
            let mut files = files.map(|file| file.expect("a file").path());
            let libssl = files.find(|path| path.to_string_lossy().contains("/libssl-"));
            libssl.expect("a libssl in the wheel")
        }

        /// LibreSSL computes what early data would be encrypted with, and never sends any.
        fn without_early(mut captured: Vec<String>) -> Vec<String> {
            captured.retain(|line| !line.contains("EARLY"));
            captured
        }
    }
}
