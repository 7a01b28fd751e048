//! `-m keylog` beside clients that log nothing: the keys of full and resumed handshakes, and of those
//! with a client's certificate, are those that the server, Debian's `openssl s_server`, logs itself.
//! It hands over the same keys, so only the client is captured, by its name.
#![allow(clippy::print_stdout, reason = "a test says which program it ran")]

mod live {
    mod root {
        use std::process::Command;

        use live::{
            KeyCapture, KeyServer, Nginx, Process, assert_same_keys, curl, log_lines, python,
            source_path, version_of,
        };

        /// Lets a client come with TLS 1.2 and with 1.3, each time in a full handshake, resumed, and
        /// with a certificate. `check` looks at what it said and which version it was.
        #[track_caller]
        fn same_keys(
            name: &str,
            check: impl Fn(&str, &str),
            commands: impl Fn(&KeyServer, &str) -> Vec<Command>,
        ) {
            let capture = KeyCapture::start_with(&["--comm", name]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            for version in ["1.2", "1.3"] {
                let said = |command| Process::start(command).finish().success().stdout_text();
                let pages: String = commands(&server, version).into_iter().map(said).collect();
                check(&pages, version);
            }
            let log = server.stop();
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &[log], &said);
            assert!(said.contains(" keys of ") && said.contains(", 0 lost"), "{said}");
        }

        /// The server tells in its pages how it was asked for them.
        #[track_caller]
        fn every_kind(pages: &str, version: &str) {
            let count = |text: &str| pages.matches(text).count();
            assert_eq!(count(&format!("New, TLSv{version}, ")), 2, "full handshakes: {pages}");
            assert_eq!(count(&format!("Reused, TLSv{version}, ")), 1, "resumed: {pages}");
            assert_eq!(count("no client certificate"), 2, "{pages}");
        }

        #[test]
        fn curl_7() {
            same_keys("curl", every_kind, |server, version| {
                let command = |urls: &[String]| {
                    let mut command = curl(&server.cert().pem());
                    command.args(["--tls-max", version]).args(urls);
                    command
                };
                let mut own = command(&[server.url()]);
                own.arg("--cert").arg(server.cert().pem()).arg("--key").arg(server.cert().key());
                vec![command(&[server.url(), server.url()]), own]
            });
            println!("{}", version_of("/usr/bin/curl", &["--version"]));
        }

        #[test]
        fn python3() {
            same_keys("python3", every_kind, |server, version| {
                let mut command = python();
                command.arg(source_path("tests/programs/python_client.py"));
                command.args([&server.port(), version]);
                command.arg(server.cert().pem()).arg(server.cert().key());
                vec![command]
            });
            println!("{}", version_of("/usr/bin/python3", &["--version"]));
        }

        #[test]
        fn node() {
            // It looks into its pages itself.
            let check = |said: &str, version: &str| assert!(said.contains(version), "{said}");
            same_keys("node", check, |server, version| {
                let mut command = Command::new("/usr/bin/node");
                command.arg(source_path("tests/programs/node_client.js"));
                command.args([&server.port(), &format!("TLSv{version}")]);
                command.arg(server.cert().pem()).arg(server.cert().key());
                vec![command]
            });
            println!("node {}", version_of("/usr/bin/node", &["--version"]));
        }

        /// As a client of the server that it passes requests on to. Who asks it is not captured,
        /// and its own server's side is none of the peer's connections.
        #[test]
        fn nginx() {
            let capture = KeyCapture::start_with(&["--comm", "nginx"]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let (pem, key) = (server.cert().pem(), server.cert().key());
            let own = format!(
                "proxy_ssl_certificate {}; proxy_ssl_certificate_key {};
                proxy_ssl_session_reuse off;",
                pem.display(),
                key.display()
            );
            let place = |name: &str, version: &str, lines: &str| {
                let url = format!("https://{}/", server.address());
                format!(
                    "location /{name} {{
                        proxy_pass {url}; proxy_ssl_protocols TLSv{version}; {lines}
                    }}\n"
                )
            };
            let places = ["1.2", "1.3"].map(|version| {
                place(version, version, "") + &place(&format!("own-{version}"), version, &own)
            });
            let nginx = Nginx::configured(&places.concat(), "TLSv1.3", 1, &[]);
            for version in ["1.2", "1.3"] {
                let ask = |place: &str| {
                    let mut command = curl(&nginx.cert());
                    command.arg(nginx.url(place));
                    Process::start(command).finish().success().stdout_text()
                };
                let pages = ask(version) + &ask(version) + &ask(&format!("own-{version}"));
                every_kind(&pages, version);
            }
            nginx.stop();
            let log = server.stop();
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, &[log], &said);
            println!("{}", version_of("/usr/sbin/nginx", &["-v"]));
        }

        /// A program without symbols. Go logs no exporter secret, and nothing of a session of TLS 1.2
        /// that it resumes: the reference is what it logs itself, and the server's log holds no more
        /// than those.
        #[test]
        fn stripped_go() {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let binary = dir.path().join("get");
            let mut command = Command::new("go");
            command.args(["build", "-ldflags=-s -w", "-o"]).arg(&binary);
            command.arg(source_path("tests/programs/get.go"));
            command.env("GOCACHE", dir.path().join("cache")).env("GOFLAGS", "-mod=mod");
            command.env("HOME", dir.path());
            Process::start(command).finish().success();
            let capture = KeyCapture::start_with(&["--comm", "get"]);
            let server = KeyServer::start(&["-www", "-verify", "1"]);
            let own = server.cert().dir().join("own.log");
            for version in ["1.2", "1.3"] {
                let mut command = Command::new(&binary);
                command.arg(server.url()).arg(server.cert().pem()).arg(server.cert().key());
                command.arg(version).env("SSLKEYLOGFILE", &own);
                let pages = Process::start(command).finish().success().stdout_text();
                every_kind(&pages, version);
            }
            let own = log_lines(&own);
            let log = server.stop();
            let (captured, said) = capture.stop();
            assert_same_keys(&captured, std::slice::from_ref(&own), &said);
            let left: Vec<_> = log.iter().filter(|line| !own.contains(line)).collect();
            assert_eq!(left.iter().filter(|line| line.starts_with("CLIENT_RANDOM ")).count(), 1);
            assert!(left.iter().all(|line| !line.contains("TRAFFIC")), "{left:?}");
            println!("{}", version_of("go", &["version"]));
        }
    }
}
