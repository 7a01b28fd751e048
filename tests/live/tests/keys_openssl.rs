//! `-m keylog` of OpenSSL's releases, as shared libraries of a program that logs nothing: the
//! keys are those that the peer, Debian's `openssl`, logs itself. It hands over the same, so only the
//! program is captured, by its name. One library has other labels than those of a key log, so that its
//! log function is not found: its keys come from where libcrypto computes them.
#![allow(clippy::print_stdout, reason = "a test says which release it ran")]

mod live {
    mod root {
        use std::{fs, path::Path, process::Command};

        use live::{
            Cert, KeyCapture, KeyServer,
            Offer::{ClientCertificates, Resumption},
            OpenSsl, Process, assert_same_keys, early_data, every_handshake, known_as, s_client,
            source_path,
        };
        use rustix::process::Signal;

        #[test]
        fn openssl_30_client() {
            client(OpenSsl::System, "OpenSSL 3.");
        }

        #[test]
        fn openssl_30_server() {
            server(OpenSsl::System, "OpenSSL 3.");
        }

        #[test]
        fn openssl_111_client() {
            client(OpenSsl::V111, "OpenSSL 1.1.1");
        }

        #[test]
        fn openssl_111_server() {
            server(OpenSsl::V111, "OpenSSL 1.1.1");
        }

        #[test]
        fn openssl_36_client() {
            client(OpenSsl::V36, "OpenSSL 3.6");
        }

        #[test]
        fn openssl_36_server() {
            server(OpenSsl::V36, "OpenSSL 3.6");
        }

        #[test]
        fn openssl_30_with_other_labels_client() {
            let folder = other_labels();
            let capture = KeyCapture::start_with(&["--comm", "openssl-peer"]);
            let said = fetch(capture, &folder.path().join("libssl.so.3"), "OpenSSL 3.");
            assert!(said.contains("keys(EVP_KDF_derive)"), "{said}");
        }

        #[test]
        fn openssl_30_with_other_labels_server() {
            let folder = other_labels();
            let said = server_of(&folder.path().join("libssl.so.3"), "OpenSSL 3.");
            assert!(said.contains("keys(EVP_KDF_derive)"), "{said}");
        }

        /// A folder with a copy of the system's libssl whose labels of a key log read differently.
        #[track_caller]
        fn other_labels() -> tempfile::TempDir {
            let arch = std::env::consts::ARCH;
            let mut bytes =
                fs::read(format!("/usr/lib/{arch}-linux-gnu/libssl.so.3")).expect("a libssl");
            for label in ["CLIENT_RANDOM", "_TRAFFIC_SECRET", "EXPORTER_SECRET"] {
                let windows = bytes.windows(label.len()).enumerate();
                let found: Vec<_> = windows
                    .filter(|(_, part)| *part == label.as_bytes())
                    .map(|(at, _)| at)
                    .collect();
                assert!(!found.is_empty(), "no {label}");
                found.into_iter().for_each(|at| bytes[at] = b'x');
            }
            let folder = tempfile::tempdir().expect("a temporary directory");
            fs::write(folder.path().join("libssl.so.3"), bytes).expect("a folder");
            folder
        }

        #[track_caller]
        fn client(release: OpenSsl, version: &str) {
            let capture = KeyCapture::start_with(&["--comm", "openssl-peer"]);
            fetch(capture, &release.shared(), version);
        }

        #[track_caller]
        fn server(release: OpenSsl, version: &str) {
            server_of(&release.shared(), version);
        }

        /// What a resumed session keeps is no key of the connection that resumes it, though it stands
        /// where older connections have one.
        #[test]
        fn resumed_connections_are_no_older_ones() {
            let servers = [(); 2].map(|()| KeyServer::start(&[]));
            let capture = KeyCapture::start_with(&["-d"]);
            let clients =
                [(&servers[0], "-tls1_3"), (&servers[1], "-tls1_2")].map(|(server, version)| {
                    let mut command = Command::new("openssl");
                    command.args(["s_client", "-quiet", "-connect", &server.address(), version]);
                    let mut client = Process::start(command);
                    client.feed(b"hello\n", false);
                    server.await_received(b"hello");
                    client
                });
            capture.await_said("master: Some(");
            fetch(capture, &OpenSsl::System.shared(), "OpenSSL 3.");
            clients.into_iter().for_each(|client| drop(client.stop(Signal::TERM)));
        }

        /// Full handshakes, resumed ones, with a certificate, and with early data; what was said
        /// beside the capture.
        #[track_caller]
        fn fetch(capture: KeyCapture, library: &Path, version: &str) -> String {
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let own = [server.cert().pem(), server.cert().key()];
            let own = own.each_ref().map(|path| path.to_str().expect("a path"));
            let early = ["-early_data", "-max_early_data", "1000", "-cert", own[0], "-key", own[1]];
            let early = KeyServer::start(&early);
            let mut command = peer(library, "fetch", server.cert());
            command.args([server.port(), early.port()]);
            let said = Process::start(command).finish().success().stdout_text();
            assert!(said.contains(version), "{said}");
            early.await_received(b"early");
            let logs = [server.stop(), early.stop()];
            let (captured, stderr) = capture.stop();
            let begins = |line: &String| line.starts_with("CLIENT_EARLY_TRAFFIC_SECRET ");
            assert!(logs[1].iter().any(begins), "{logs:?}");
            assert_same_keys(&captured, &logs, &stderr);
            println!("{said}");
            stderr
        }

        #[track_caller]
        fn server_of(library: &Path, version: &str) -> String {
            let capture = KeyCapture::start_with(&["--comm", "openssl-peer"]);
            let cert = Cert::new();
            let server = Process::start(peer(library, "serve", &cert));
            let port: u16 = server
                .stdout_line("where it listens", |line| line.strip_prefix("port ")?.parse().ok());
            let address = format!("127.0.0.1:{port}");
            let mut logs = every_handshake(&cert, &address, &[Resumption, ClientCertificates]);
            let session = cert.dir().join("early-session").display().to_string();
            logs.push(s_client(&cert, &address, &["-tls1_3", "-sess_out", &session]).1);
            logs.push(early_data(&cert, &address, &session, false));
            let said = server.stop(Signal::TERM).stdout_text();
            assert!(said.contains(version), "{said}");
            let (captured, stderr) = capture.stop();
            assert_same_keys(&captured, &logs, &stderr);
            println!("{said}");
            stderr
        }

        fn peer(library: &Path, verb: &str, cert: &Cert) -> Command {
            let program = known_as(cert.dir(), "openssl-peer", "/usr/bin/python3");
            let mut command = Command::new(program);
            if let Some(folder) = library.parent().filter(|folder| folder.is_absolute()) {
                command.env("LD_LIBRARY_PATH", folder);
            }
            command.arg(source_path("tests/programs/openssl_peer.py")).arg(library);
            command.arg(verb).arg(cert.pem()).arg(cert.key());
            command
        }
    }
}
