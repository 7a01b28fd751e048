//! `-m keylog` of libraries that hand no key to a log function: the keys are those that the peer
//! logs, line for line. The peer's library does log, and hands over the same keys, so only the
//! program in question is captured, by its name.

mod live {
    mod root {
        use std::{
            fs,
            os::unix::fs::symlink,
            path::{Path, PathBuf},
            process::Command,
        };

        use live::{
            KeyCapture, KeyServer, Process, assert_same_keys, libressl, log_lines, openssl_102,
            source_path,
        };
        use rustix::process::Signal;

        /// Debian's NSS: its log function gets no bytes, another library computes them.
        #[test]
        fn nss_client_and_server() {
            let capture = KeyCapture::start_with(&["--comm", "tstclnt", "--comm", "selfserv"]);
            let server = KeyServer::start(&["-www", "-cipher", "ALL:@SECLEVEL=0"]);
            let base = nss_base(&server);
            for version in ["tls1.1", "tls1.2", "tls1.3"] {
                let mut command = Command::new("tstclnt");
                command.args(["-h", "127.0.0.1", "-p", &port(&server), "-Q", "-o", "-d", &base]);
                command.args(["-V", &format!("{version}:{version}")]);
                Process::start(command).finish().success();
            }
            let port = free_port();
            let mut command = Command::new("selfserv");
            command.args(["-n", "peer", "-p", &port, "-d", &base, "-V", "tls1.0:tls1.3"]);
            let nss = Process::start(command);
            let mut logs = Vec::new();
            for version in ["-tls1_1", "-tls1_2", "-tls1_3"] {
                await_port(&port);
                logs.push(s_client(&server, &port, version));
            }
            nss.stop(Signal::TERM);
            logs.push(server.stop());
            let (captured, said) = capture.stop();
            assert!(logs.iter().flatten().count() >= 4 + 10, "{logs:?}");
            assert_same_keys(&captured, &logs, &said);
        }

        /// LibreSSL keeps the master secret of TLS 1.2 in the connection, and computes the secrets
        /// of TLS 1.3 by `HKDF_expand`.
        #[test]
        fn libressl_client_and_server() {
            let libressl = libressl();
            let capture =
                KeyCapture::start_with(&["--comm", "libressl", "--comm", "libressl-client"]);
            let server = KeyServer::start(&["-www"]);
            let program = known_as(&server, "libressl", &libressl.join("bin/openssl"));
            // Its own s_client may never get to send in TLS 1.3.
            let python = known_as(&server, "libressl-client", Path::new("/usr/bin/python3"));
            for method in ["TLSv1_2_client_method", "TLS_client_method"] {
                let library = libressl.join("lib/libssl.so");
                let said = call_by_name(&python, &library, &server, method);
                assert!(said.contains("LibreSSL"), "{said}");
            }
            let port = free_port();
            let mut command = Command::new(&program);
            command.env("LD_LIBRARY_PATH", libressl.join("lib"));
            command.args(["s_server", "-www", "-accept", &port, "-cert"]);
            command.arg(server.cert().pem()).arg("-key").arg(server.cert().key());
            let libre = Process::start(command);
            await_port(&port);
            let client = s_client(&server, &port, "-tls1_2");
            libre.stop(Signal::TERM);
            let logs = [server.stop(), client];
            let (mut captured, said) = capture.stop();
            // It computes what early data would be encrypted with, and never sends any.
            captured.retain(|line| !line.contains("EARLY"));
            assert_same_keys(&captured, &logs, &said);
        }

        /// OpenSSL before 1.1.1, out of a Python wheel.
        #[test]
        fn openssl_that_logs_nothing() {
            let libraries = openssl_102();
            let library = fs::read_dir(&libraries).unwrap().map(|entry| entry.unwrap().path());
            let library = library.filter(|path| path.to_string_lossy().contains("/libssl-"));
            let library = library.last().expect("a libssl in the wheel");
            let capture = KeyCapture::start_with(&["--comm", "old-openssl"]);
            let server = KeyServer::start(&["-www"]);
            let program = known_as(&server, "old-openssl", Path::new("/usr/bin/python3"));
            let said = call_by_name(&program, &library, &server, "TLSv1_2_client_method");
            assert!(said.contains("OpenSSL 1.0.2"), "{said}");
            let log = server.stop();
            assert_eq!(log.len(), 2, "{log:?}");
            let (captured, stderr) = capture.stop();
            assert_same_keys(&captured, &[log], &stderr);
            println!("{said}");
        }

        /// A libssl whose log function is not found, since its labels are other texts: the keys
        /// come from where libcrypto computes them.
        #[test]
        fn openssl_with_other_labels() {
            let capture = KeyCapture::start_with(&["--comm", "openssl-renamed"]);
            let server = KeyServer::start(&["-www"]);
            let program = known_as(&server, "openssl-renamed", Path::new("/usr/bin/openssl"));
            let folder = tempfile::tempdir().unwrap();
            renamed(folder.path());
            for args in [&["-tls1_2"][..], &["-tls1_3"], &SHA256] {
                let mut command = Command::new(&program);
                command.args(["s_client", "-connect", &server.address(), "-ign_eof"]).args(args);
                command.env("LD_LIBRARY_PATH", folder.path());
                let mut client = Process::start(command);
                client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
                client.finish().success();
            }
            let log = server.stop();
            let (captured, said) = capture.stop();
            assert!(said.contains("keys(EVP_KDF_derive)"), "{said}");
            assert_same_keys(&captured, &[log], &said);
        }

        const SHA256: [&str; 3] = ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"];

        /// A copy of the system's libssl whose labels of a key log read differently.
        fn renamed(folder: &Path) {
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
            fs::write(folder.join("libssl.so.3"), bytes).expect("a folder");
        }

        /// A program under a name of its own, by which a capture can choose it.
        fn known_as(server: &KeyServer, name: &str, program: &Path) -> PathBuf {
            let link = server.cert().dir().join(name);
            symlink(program, &link).expect("a free name");
            link
        }

        /// Python calls a library's functions; what version that says it is.
        fn call_by_name(python: &Path, library: &Path, server: &KeyServer, method: &str) -> String {
            let mut command = Command::new(python);
            command.arg(source_path("tests/programs/old_openssl.py")).arg(library);
            command.arg(port(server)).arg(method);
            command.env("LD_LIBRARY_PATH", library.parent().expect("a folder"));
            Process::start(command).finish().success().stdout_text()
        }

        /// An NSS database with the server's certificate, trusted, as `peer`.
        fn nss_base(server: &KeyServer) -> String {
            let folder = server.cert().dir().join("nss");
            fs::create_dir(&folder).expect("a free name");
            let base = format!("sql:{}", folder.display());
            let bundle = folder.join("peer.p12").display().to_string();
            let (pem, key) = (server.cert().pem(), server.cert().key());
            let (pem, key) = (pem.display().to_string(), key.display().to_string());
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

        /// `openssl s_client` to some other server; what it logged.
        fn s_client(server: &KeyServer, port: &str, version: &str) -> Vec<String> {
            let log = server.cert().dir().join(format!("{port}{version}.log"));
            let mut command = Command::new("openssl");
            command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), version]);
            command.args(["-cipher", "DEFAULT:@SECLEVEL=0", "-ign_eof", "-ignore_unexpected_eof"]);
            command.arg("-keylogfile").arg(&log);
            let mut client = Process::start(command);
            client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
            client.finish().success();
            log_lines(&log)
        }

        fn port(server: &KeyServer) -> String {
            server.address().rsplit(':').next().expect("a port").to_owned()
        }

        fn free_port() -> String {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port().to_string()
        }

        /// Waits until somebody listens there.
        fn await_port(port: &str) {
            let until = std::time::Instant::now() + live::deadline();
            let at = format!("127.0.0.1:{port}");
            while std::net::TcpStream::connect(&at).is_err() {
                assert!(std::time::Instant::now() < until, "nobody listens at {at}");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}
