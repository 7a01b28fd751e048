//! Handshakes of which no key came are reported by process and library, and no others are.

mod live {
    mod root {
        use std::{fs, path::Path, process::Command};

        use live::{KeyCapture, KeyServer, Machine, Process, curl, ecapture_binary, python};
        use rustix::process::Signal;

        /// Debian's libgit2 speaks TLS with Mbed TLS, which has no place to read keys at.
        const GIT: &str = "import pygit2, sys, tempfile
pygit2.option(pygit2.GIT_OPT_SET_SSL_CERT_LOCATIONS, sys.argv[2], None)
for _ in range(3):
    remotes = pygit2.init_repository(tempfile.mkdtemp(dir=sys.argv[3]), True).remotes
    try: remotes.create('one', sys.argv[1]).ls_remotes()
    except pygit2.GitError as error: print(error)
";

        /// Three connections; the client's process.
        #[track_caller]
        fn git(server: &KeyServer) -> u32 {
            let mut command = python();
            command.args(["-c", GIT, &server.url()]).arg(server.cert().pem());
            command.arg(server.cert().dir());
            let ended = Process::start(command).finish().success();
            let said = ended.stdout_text();
            assert_eq!(said.matches("content-type").count(), 3, "a page each: {said}");
            ended.pid
        }

        /// What is said of a process that misses keys.
        fn missed(said: &str, pid: u32) -> Vec<&str> {
            let of = format!(" of PID {pid} (");
            said.lines().filter(|line| line.contains("no keys for") && line.contains(&of)).collect()
        }

        #[test]
        fn a_library_without_keys_is_named_with_its_process() {
            let capture = KeyCapture::start_with(&["--comm", "python3"]);
            let server = KeyServer::start(&["-www"]);
            let pid = git(&server);
            // While it goes on, and at the end.
            capture.await_said(&format!(" of PID {pid} (python3, mbedtls in "));
            server.stop();
            let (_, said) = capture.stop();
            let lines = missed(&said, pid);
            let last = lines.last().expect("a line at the end");
            assert!(last.starts_with("no keys for 3 connections of PID "), "{said}");
            assert!(last.contains("libmbedtls.so"), "{said}");
        }

        #[test]
        fn the_summary_in_json_has_them() {
            let _machine = Machine::shared();
            let server = KeyServer::start(&["-www"]);
            let dir = server.cert().dir();
            let (keys, output) = (dir.join("keys"), dir.join("out.json"));
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "-m", "text,keylog", "--format", "json", "--comm", "python3"]);
            command.arg("-k").arg(&keys).arg("-o").arg(&output).env("XDG_CACHE_HOME", dir);
            let capture = Process::start(command);
            capture.stderr_line("that it is ready", |line| line.contains("ready: ").then_some(()));
            let pid = git(&server);
            capture.stop(Signal::INT);
            let text = fs::read_to_string(&output).expect("the output");
            let last = text.lines().last().expect("a summary");
            let summary: serde_json::Value = serde_json::from_str(last).expect("JSON");
            let all = summary["keyless"].as_array().expect("a list");
            let of = all.iter().find(|one| one["pid"] == pid).expect("the client");
            assert_eq!((&of["connections"], &of["comm"]), (&3.into(), &"python3".into()), "{last}");
            let (why, exe) = (of["why"].as_str(), of["exe"].as_str());
            assert!(why.is_some_and(|why| why.starts_with("mbedtls in /")), "{last}");
            assert!(exe.is_some_and(|exe| exe.contains("python3")), "{last}");
            server.stop();
        }

        /// Every kind of client whose keys are read, a server, and connections that come to nothing.
        #[test]
        fn who_gives_keys_is_not_accused() {
            let names = ["curl", "node", "gnutls-cli", "openssl"];
            let names = names.into_iter().flat_map(|name| ["--comm", name]);
            let capture = KeyCapture::start_with(&names.collect::<Vec<_>>());
            let server = KeyServer::start(&["-www"]);
            let (url, pem) = (server.url(), server.cert().pem());
            let mut pids = Vec::new();
            for version in ["1.2", "1.3"] {
                let mut command = curl(&pem);
                command.args(["-o", "/dev/null", "--tls-max", version, &url]);
                pids.push(Process::start(command).finish().success().pid);
                // It refuses what the server shows, when its own keys are known or before.
                let mut command = curl(Path::new("/etc/ssl/certs/ca-certificates.crt"));
                command.args(["-o", "/dev/null", "--tls-max", version, &url]);
                pids.push(Process::start(command).finish().pid);
            }
            let mut command = Command::new("/usr/bin/node");
            let get = "require('https').get(process.argv[1], {agent: false}, a => a.resume())";
            command.args(["-e", get, &url]).env("NODE_EXTRA_CA_CERTS", &pem);
            pids.push(Process::start(command).finish().success().pid);
            let port = server.address().rsplit(':').next().expect("a port").to_owned();
            for version in ["1.3", "1.2"] {
                let mut command = Command::new("gnutls-cli");
                let only = format!("NORMAL:-VERS-ALL:+VERS-TLS{version}");
                command.args(["--port", &port, "--priority", &only, "--x509cafile"]);
                command.arg(&pem).arg("localhost");
                let mut client = Process::start(command);
                client.stdout_line("that it is connected", |line| {
                    line.contains("Handshake was completed").then_some(())
                });
                client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
                pids.push(client.finish().pid);
            }
            // A second ClientHello: the server wants another group than the client guessed.
            pids.push(server.pid());
            server.s_client("retry", &["-tls1_3", "-groups", "X448:P-256"]);
            server.stop();
            let (captured, said) = capture.stop();
            assert!(captured.len() > 20, "{captured:?}\n{said}");
            for pid in pids {
                assert!(missed(&said, pid).is_empty(), "{pid}: {said}");
            }
        }

        /// Who only hands connections on has no keys to give.
        #[test]
        fn a_relay_is_not_accused() {
            let capture = KeyCapture::start_with(&["--comm", "socat"]);
            let server = KeyServer::start(&["-www"]);
            let mut command = Command::new("socat");
            command.args(["-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork"]);
            command.arg(format!("TCP:{}", server.address()));
            let relay = Process::start(command);
            let port: u16 = relay.stderr_line("where it listens", |line| {
                line.split("listening on ").nth(1)?.rsplit(':').next()?.parse().ok()
            });
            let mut command = curl(&server.cert().pem());
            command.args(["-o", "/dev/null", &format!("https://localhost:{port}/")]);
            Process::start(command).finish().success();
            relay.stop(Signal::TERM);
            server.stop();
            let (_, said) = capture.stop();
            assert!(!said.contains("(socat, "), "{said}");
        }
    }
}
