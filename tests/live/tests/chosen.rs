//! Connections chosen by port, by address or by chance: whole ones or nothing of them, and what is
//! left out is counted to the byte.

mod live {
    mod root {
        use std::process::Command;

        use live::{
            Addresses, Capture, Cert, Machine, Moved, Nginx, Process, Recording, SServer, Tlsdrive,
            Told, assert_shown, source_path,
        };

        /// What the summary says was left out: connections, bytes.
        fn left_out(recording: &Recording, reason: &str) -> (u64, u64) {
            let count = |what| recording.summary(&["left_out", reason, what]);
            (count("connections"), count("bytes"))
        }

        fn moved(all: &[Moved]) -> u64 {
            all.iter().map(|m| m.read.len + m.write.len).sum()
        }

        fn curl(nginx: &Nginx) -> Process {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--http1.1", "--cacert"]).arg(nginx.cert());
            curl.arg(nginx.url("file"));
            Process::start(curl)
        }

        /// `openssl s_client` and its server, which get a word across.
        fn openssl_pair(server: SServer) -> (u32, u32) {
            let mut server = server;
            let mut client = Command::new("openssl");
            client.args(["s_client", "-quiet", "-verify_quiet", "-CAfile"]).arg(server.cert());
            client.args(["-connect", &server.address()]);
            let mut client = Process::start(client);
            client.feed(b"a word", false);
            server.process().stdout_holds(b"a word");
            server.process().feed(b"", true);
            let client = client.finish().pid;
            (client, server.finish().pid)
        }

        #[test]
        fn a_port_at_either_end() {
            let nginx = Nginx::start(1, &[("file", &[b'x'; 50_000])]);
            let server = SServer::start();
            let address = server.address();
            let port = address.rsplit(':').next().expect("a port").to_owned();
            let capture = Capture::start_with(&["--port", &format!("1,{port}")]);
            let other = curl(&nginx).finish().success();
            let (client, server) = openssl_pair(server);
            let served = nginx.workers[0];
            nginx.stop();
            let recording = capture.stop().recording;
            for pid in [client, server] {
                let [conn] = recording.of_pid(pid)[..] else { panic!("pid {pid} is not shown") };
                conn.assert_whole();
                assert!([&conn.local, &conn.remote].contains(&&Some(address.clone())));
            }
            assert!(recording.of_pid(other.pid).is_empty());
            assert!(recording.of_pid(served).is_empty());
            let (conns, bytes) = left_out(&recording, "filter");
            assert!(conns >= 2 && bytes > 100_000, "{conns} connections, {bytes} bytes");
        }

        #[test]
        fn a_network_of_either_family() {
            let cert = Cert::new();
            for (net, wanted, other) in
                [("::1", "6", "4"), ("127.0.0.0/30", "4", "6"), ("0.0.0.0/0", "4", "6")]
            {
                let machine = Machine::alone();
                let args = ["--net", net, "--comm", "tlsdrive"];
                let capture = Capture::start_within(&machine, &args);
                let run = |family: &str| {
                    Tlsdrive::new(&cert, "plain", &format!("n=3 net={family}")).run()
                };
                let (wanted, other) = (run(wanted), run(other));
                let recording = capture.stop().recording;
                assert_shown(&recording, &wanted.moved, Addresses::Known);
                assert_eq!(recording.all().count(), 2, "{net}");
                assert_eq!(left_out(&recording, "filter"), (2, moved(&other.moved)));
                assert_eq!(recording.summary(&["unaccounted"]), 0);
            }
        }

        /// A socket pair has no addresses. Such a connection could be any.
        #[test]
        fn connections_without_addresses_are_left_out_and_said() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let args = ["--net", "0.0.0.0/0,::/0", "--comm", "tlsdrive"];
            let capture = Capture::start_within(&machine, &args);
            let told = Tlsdrive::new(&cert, "plain", "n=50 net=pair").run();
            let outcome = capture.stop();
            assert_eq!(outcome.recording.all().count(), 0);
            let counted = left_out(&outcome.recording, "unknown-address");
            assert_eq!(counted, (2, moved(&told.moved)));
            assert_eq!(outcome.recording.summary(&["unaccounted"]), 0);
            assert!(outcome.stderr.contains("2 connections were left out"), "{}", outcome.stderr);
        }

        /// The first bytes of a connection come out of the library's buffer, so its socket is seen
        /// later: what moved before is a gap if it is wanted, and left out with the rest if not.
        #[test]
        fn addresses_that_become_known_late() {
            let cert = Cert::new();
            for (net, shown) in [("127.0.0.1", true), ("10.0.0.0/8", false)] {
                let mut victim =
                    Tlsdrive::new(&cert, "buffered", "gate=middle n=2 bytes=9000").start();
                victim.at_gate("middle");
                let pid = victim.pid().to_string();
                let capture = Capture::start_with(&["--net", net, "-p", &pid]);
                victim.pass();
                let told = victim.finish();
                let recording = capture.stop().recording;
                assert_eq!(recording.summary(&["unaccounted"]), 0);
                assert_eq!(left_out(&recording, "unknown-address"), (0, 0));
                if !shown {
                    assert_eq!(recording.all().count(), 0);
                    assert_eq!(left_out(&recording, "filter"), (1, 4 * 9000 + 8999));
                    continue;
                }
                let [conn] = recording.of_pid(told.pid)[..] else { panic!("one connection") };
                let [gap] = &conn.read.gaps[..] else { panic!("{:?}", conn.read.gaps) };
                assert_eq!((gap.pos, gap.len, &*gap.reason), (0, 8999, "unknown-address"));
                assert_eq!((conn.read.end, conn.write.end), (3 * 9000 - 1, 2 * 9000));
                assert!(conn.write.gaps.is_empty());
            }
        }

        /// A sample: every connection that is shown is whole, and the others are counted.
        #[track_caller]
        fn assert_sample(recording: &Recording, told: &Told, bounds: std::ops::Range<u64>) {
            let shown: Vec<_> = told
                .moved
                .iter()
                .filter(|m| {
                    recording.of_pid(m.pid).iter().any(|conn| {
                        (conn.read.sha256(), conn.write.sha256())
                            == (m.read.sha256.clone(), m.write.sha256.clone())
                    })
                })
                .cloned()
                .collect();
            assert_shown(recording, &shown, Addresses::Known);
            let count = shown.len() as u64;
            assert!(bounds.contains(&count), "{count} of {}", told.moved.len());
            let left = (told.moved.len() as u64 - count, moved(&told.moved) - moved(&shown));
            assert_eq!(left_out(recording, "sample"), left);
            assert_eq!(recording.summary(&["unaccounted"]), 0);
        }

        /// The bounds are six standard deviations away.
        #[test]
        fn a_sample_of_many_connections_is_whole_connections() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let args = ["--sample", "1/4", "--comm", "tlsdrive"];
            let capture = Capture::start_within(&machine, &args);
            let told = Tlsdrive::new(&cert, "conns", "n=300").run();
            assert_sample(&capture.stop().recording, &told, 86..214);
        }

        /// The allocator hands out the same few places again and again.
        #[test]
        fn a_sample_is_not_biased_by_reused_pointers() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let args = ["--sample", "1/2", "--comm", "tlsdrive"];
            let capture = Capture::start_within(&machine, &args);
            let told = Tlsdrive::new(&cert, "reused", "n=100 bytes=100").run();
            assert_sample(&capture.stop().recording, &told, 58..142);
        }

        /// A new connection for each request, against nginx's own count. The filter comes first: the
        /// sample is one of what it chose.
        #[test]
        fn a_sample_of_what_nginx_serves() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 1000])]);
            let worker = nginx.workers[0];
            let pid = worker.to_string();
            let args = ["--sample", "1/10", "--net", "127.128.0.0/9", "-p", &pid];
            let capture = Capture::start_within(&machine, &args);
            let mut wrk = Command::new("wrk");
            wrk.args(["-t1", "-c20", "-d3s", "-H", "Connection: close", "-s"]);
            wrk.arg(source_path("tests/programs/wrk_count.lua")).arg(nginx.url("file"));
            Process::start(wrk).finish().success();
            let served = nginx.stop();
            let recording = capture.stop().recording;
            let (left, bytes) = left_out(&recording, "sample");
            let shown = recording.of_pid(worker);
            let total: u64 = served.iter().map(|one| one.request + one.sent).sum();
            let captured: u64 = shown.iter().map(|conn| conn.read.end + conn.write.end).sum();
            assert_eq!(captured + bytes, total);
            let (all, taken) = (served.len() as u64, shown.len() as u64);
            assert!(taken * 20 > all && taken * 5 < all, "{taken} of {all}");
            assert!(left + taken >= all && all > 200, "{left} left, {taken} of {all}");
            assert_eq!(left_out(&recording, "filter"), (0, 0));
            assert_eq!(recording.summary(&["unaccounted"]), 0);
        }
    }
}
