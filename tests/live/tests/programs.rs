//! Programs that people run, each byte for byte.

#[allow(clippy::module_inception)]
mod live {
    mod root {
        use std::{collections::BTreeMap, fs, path::Path, process::Command};

        use live::{
            Addresses, Capture, Cert, Conn, Finished, Nginx, Process, Recording, SServer, Trace,
            Victim, assert_shown, curl, node_in_use, python, source_path, traced_curl,
        };

        /// The one connection of a process.
        #[track_caller]
        fn only(recording: &Recording, pid: u32) -> &Conn {
            let conns = recording.of_pid(pid);
            let [conn] = conns[..] else {
                panic!("pid {pid} has one connection, not {}", conns.len())
            };
            conn.assert_whole();
            conn
        }

        #[track_caller]
        fn assert_bytes(what: &str, shown: &[u8], moved: &[u8]) {
            // Not assert_eq: nobody wants to read 300 KB.
            let first = shown.iter().zip(moved).position(|(a, b)| a != b);
            let same = shown == moved;
            assert!(
                same,
                "{what}: {} bytes, not {}; differ at {first:?}",
                shown.len(),
                moved.len()
            );
        }

        /// Digits, which neither end of `openssl s_*` takes for a command.
        fn digits(n: usize, seed: u32) -> Vec<u8> {
            let mut state = seed;
            let digit = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'0' + (state >> 24) as u8 % 10
            };
            std::iter::repeat_with(digit).take(n).collect()
        }

        #[test]
        fn openssl_s_server_and_s_client() {
            let (up, down) = (digits(200_000, 1), digits(300_000, 2));
            let capture = Capture::start();
            let mut server = SServer::start();
            let address = server.address();
            let mut command = Command::new("openssl");
            command.args(["s_client", "-quiet", "-verify_quiet", "-CAfile"]).arg(server.cert());
            command.args(["-connect", &address]);
            let mut client = Process::start(command);
            client.feed(&up, false);
            server.process().stdout_holds(&up);
            server.process().feed(&down, true);
            let client = client.finish();
            let server = server.finish();
            assert_bytes("what s_client got", &client.stdout, &down);

            let recording = capture.stop().recording;
            let sent = only(&recording, client.pid);
            assert_bytes("s_client wrote", &sent.write.bytes, &up);
            assert_bytes("s_client read", &sent.read.bytes, &down);
            assert_eq!(sent.remote.as_deref(), Some(&*address));
            let got = only(&recording, server.pid);
            assert_bytes("s_server read", &got.read.bytes, &up);
            assert_bytes("s_server wrote", &got.write.bytes, &down);
            assert_eq!((&got.local, &got.remote), (&sent.remote, &sent.local));
            assert_eq!(got.comm, "openssl");
            assert!(got.lib.contains("libssl.so.3"), "lib: {}", got.lib);
            assert_eq!(Path::new(&got.exe), fs::canonicalize("/usr/bin/openssl").expect("openssl"));
        }

        #[test]
        fn curl_both_directions() {
            let body = digits(100_000, 3);
            let capture = Capture::start();
            let nginx = Nginx::start(1, &[("file", &body)]);
            let trace = traced_curl(&nginx.cert(), &nginx.url("file"), |_| {});
            let address = nginx.address();
            nginx.stop();
            let recording = capture.stop().recording;
            assert!(trace.sent.starts_with(b"GET /file HTTP/1.1\r\n"));
            assert!(trace.received.ends_with(&body));
            let conn = only(&recording, trace.pid);
            assert_bytes("curl wrote", &conn.write.bytes, &trace.sent);
            assert_bytes("curl read", &conn.read.bytes, &trace.received);
            assert_eq!(conn.remote.as_deref(), Some(&*address));
            assert!(conn.opened && conn.closed);
            assert_eq!(conn.comm, "curl");
        }

        /// So many curls at once; what nginx counted must be what is shown of its workers.
        fn nginx(workers: usize, curls: usize) {
            let body = digits(60_000, 4);
            let capture = Capture::start();
            let nginx = Nginx::start(workers, &[("file", &body)]);
            let (cert, url, pids) = (nginx.cert(), nginx.url("file"), nginx.workers.clone());
            let traces: Vec<Trace> = std::thread::scope(|scope| {
                let fetch = || traced_curl(&cert, &url, |_| {});
                let all: Vec<_> = (0..curls).map(|_| scope.spawn(fetch)).collect();
                all.into_iter().map(|one| one.join().expect("a curl")).collect()
            });
            let address = nginx.address();
            let served = nginx.stop();
            let recording = capture.stop().recording;

            let shown = recording.where_conn(|conn| pids.contains(&conn.pid));
            assert_eq!((shown.len(), served.len()), (curls, curls));
            let by_port: BTreeMap<String, &Conn> = shown
                .iter()
                .map(|conn| (conn.remote.clone().expect("nginx's peer is known"), *conn))
                .collect();
            for one in &served {
                let conn = by_port
                    .iter()
                    .find(|(port, _)| port.ends_with(&format!(":{}", one.remote_port)));
                let conn = conn.unwrap_or_else(|| panic!("{one:?} is not shown")).1;
                assert_eq!(
                    (conn.pid, conn.read.end, conn.write.end),
                    (one.pid, one.request, one.sent)
                );
                assert_eq!(conn.local.as_deref(), Some(&*address));
            }
            for trace in &traces {
                let curl = only(&recording, trace.pid);
                let conn = by_port[curl.local.as_deref().expect("curl's address is known")];
                assert_bytes("nginx read", &conn.read.bytes, &trace.sent);
                assert_bytes("nginx wrote", &conn.write.bytes, &trace.received);
            }
        }

        #[test]
        fn nginx_with_one_worker() {
            nginx(1, 6);
        }

        #[test]
        fn nginx_with_two_workers() {
            nginx(2, 12);
        }

        #[test]
        fn curl_and_nginx_in_http2() {
            let body = digits(60_000, 5);
            let capture = Capture::start();
            let nginx = Nginx::start(1, &[("file", &body)]);
            let dir = tempfile::tempdir().expect("a temporary directory");
            let mut command = curl(&nginx.cert());
            command.args(["--http2", "--write-out", "%{http_version}", "--output"]);
            command.arg(dir.path().join("body")).arg(nginx.url("file"));
            let client = Process::start(command).finish().success();
            assert_eq!(client.stdout_text(), "2");
            assert_bytes("body", &fs::read(dir.path().join("body")).expect("a body"), &body);
            let worker = nginx.workers[0];
            let sent: u64 = nginx.stop().iter().map(|one| one.sent).sum();
            let recording = capture.stop().recording;
            let (client, server) = (only(&recording, client.pid), only(&recording, worker));
            // Frames are nobody's word but the other end's. The end of a connection may be written
            // and never read.
            assert!(client.write.bytes.starts_with(b"PRI * HTTP/2.0\r\n"));
            assert!(client.write.bytes.starts_with(&server.read.bytes));
            assert!(server.write.bytes.starts_with(&client.read.bytes));
            assert!(sent >= body.len() as u64 && client.read.end >= sent, "{sent}");
        }

        fn python_peers(manner: &str, addresses: Addresses) {
            let cert = Cert::new();
            let capture = Capture::start();
            let mut peers = python();
            peers.arg(source_path("tests/programs/python_peers.py")).arg(manner);
            peers.arg(cert.pem()).arg(cert.key());
            let told = Victim::start(peers).finish();
            assert_shown(&capture.stop().recording, &told.moved, addresses);
        }

        #[test]
        fn python_blocking() {
            python_peers("blocking", Addresses::Known);
        }

        #[test]
        fn python_asyncio_has_no_wrong_address() {
            python_peers("asyncio", Addresses::RightOrUnknown);
        }

        #[test]
        fn node_has_no_wrong_address() {
            let cert = Cert::new();
            let _node = node_in_use();
            let capture = Capture::start();
            let mut peers = Command::new("/usr/bin/node");
            peers.arg(source_path("tests/programs/node_peers.js")).arg(cert.pem()).arg(cert.key());
            let told = Victim::start(peers).finish();
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::RightOrUnknown);
            let conn = recording.of_pid(told.pid)[0];
            // Most builds of node carry OpenSSL themselves, Debian's own uses the system's.
            assert!(conn.lib.ends_with("/node") || conn.lib.contains("libssl"), "{}", conn.lib);
        }

        fn node_https(verb: &str, paths: &[&Path]) -> Process {
            let mut node = Command::new("/usr/bin/node");
            node.arg(source_path("tests/programs/node_https.js")).arg(verb).args(paths);
            Process::start(node)
        }

        fn node_port(node: &Process) -> u16 {
            node.stdout_line("its port", |line| line.strip_prefix("port ")?.parse().ok())
        }

        #[test]
        fn node_serves_curl() {
            let body = digits(100_000, 6);
            let cert = Cert::new();
            let file = cert.dir().join("body");
            fs::write(&file, &body).expect("a file");
            let _node = node_in_use();
            let capture = Capture::start();
            let node = node_https("serve", &[&cert.pem(), &cert.key(), &file]);
            let url = format!("https://localhost:{}/", node_port(&node));
            let trace = traced_curl(&cert.pem(), &url, |_| {});
            let node = node.stop(rustix::process::Signal::TERM);
            let recording = capture.stop().recording;
            assert!(trace.received.ends_with(&body));
            let conn = only(&recording, node.pid);
            assert_bytes("node read", &conn.read.bytes, &trace.sent);
            assert_bytes("node wrote", &conn.write.bytes, &trace.received);
            let curl = only(&recording, trace.pid);
            let unknown = conn.local.is_none() && conn.remote.is_none();
            assert!(
                unknown || (&conn.local, &conn.remote) == (&curl.remote, &curl.local),
                "{conn:?}"
            );
        }

        #[test]
        fn node_fetches_from_nginx() {
            let body = digits(100_000, 7);
            let _node = node_in_use();
            let capture = Capture::start();
            let nginx = Nginx::start(1, &[("file", &body)]);
            let dir = tempfile::tempdir().expect("a temporary directory");
            let file = dir.path().join("body");
            let url = nginx.url("file");
            let node = node_https("fetch", &[&nginx.cert(), Path::new(&url), &file]);
            let port = node_port(&node);
            let Finished { pid, .. } = node.finish().success();
            assert_bytes("body", &fs::read(&file).expect("a body"), &body);
            let served = nginx.stop();
            let recording = capture.stop().recording;
            let [one] = &served[..] else { panic!("{served:?}") };
            assert_eq!(one.remote_port, port);
            let (client, server) = (only(&recording, pid), only(&recording, one.pid));
            assert_eq!((client.write.end, client.read.end), (one.request, one.sent));
            assert_bytes("node wrote", &client.write.bytes, &server.read.bytes);
            assert_bytes("node read", &client.read.bytes, &server.write.bytes);
            assert!(client.read.bytes.ends_with(&body));
        }
    }
}
