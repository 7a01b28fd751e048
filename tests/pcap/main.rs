//! `-m pcap` beside real programs: the file holds the packets that were asked for, whole, in both
//! directions and at the right times, and no others. tshark reads it without a complaint.

mod packets;
mod peers;

mod live {
    mod root {
        use std::{
            fs,
            net::TcpListener,
            process::Command,
            time::{SystemTime, UNIX_EPOCH},
        };

        use ::live::{Cert, Machine, Nginx, Process, SServer, ecapture_binary};
        use rustix::process::Signal;

        use crate::packets::{Capture, Packets, Statistics, each_block};
        use crate::peers::Server;

        fn now() -> f64 {
            SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
        }

        const ENDS: [&str; 2] = ["tcp.srcport", "tcp.dstport"];

        /// Checks that the file holds one connection between two ports, all of it.
        #[track_caller]
        fn is_one_connection(file: &Capture, client: u16, server: u16) {
            let (client, server) = (client.to_string(), server.to_string());
            let rows = file.fields(ENDS, "frame");
            assert!(rows.len() >= 10, "{} packets", rows.len());
            for [from, to] in &rows {
                let ends = [from.as_str(), to.as_str()];
                assert!(ends == [&client, &server] || ends == [&server, &client], "{ends:?}");
            }
            let kinds = |kind: &str| {
                let filter = format!("tls.handshake.type == {kind}");
                file.fields(ENDS, &filter).into_iter().map(|[from, _]| from).collect::<Vec<_>>()
            };
            assert_eq!((kinds("1"), kinds("2")), (vec![client.clone()], vec![server.clone()]));
            let opening = file.fields(["frame.number"], "tcp.flags.syn == 1");
            assert_eq!(opening, [["1".to_owned()], ["2".to_owned()]], "it begins with its opening");
            assert_eq!(file.fields(["tcp.srcport"], "tcp.flags.fin == 1").len(), 2);
            let gaps = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
            assert_eq!(file.fields(["frame.number"], gaps).len(), 0, "packets are missing");
        }

        #[test]
        fn the_packets_of_one_process_and_of_no_other() {
            let (server, other) = (Server::start("127.0.0.1"), Server::start("127.0.0.1"));
            let pid = server.pid().to_string();
            // As eCapture's performance page has it.
            let capture = Packets::start(&["-i", "lo", &format!("--pid={pid}")]);
            let before = now();
            let ((client, port), _) = (server.fetch(), other.fetch());
            let after = now();
            let outcome = capture.stop();
            is_one_connection(&outcome.file, port, server.port);
            for [time] in outcome.file.fields(["frame.time_epoch"], "frame") {
                let time: f64 = time.parse().expect("seconds");
                assert!(before <= time && time <= after, "{before} {time} {after}");
            }
            // A program that is gone by the time can't be asked for its file any more.
            let comments = outcome.file.comments();
            let mut comments: Vec<_> =
                comments.iter().map(|comment| comment.replace(" /usr/bin/curl,", "")).collect();
            comments.sort();
            let mut expected = [
                format!("pid {pid}, openssl, /usr/bin/openssl, at 127.0.0.1:{}", server.port),
                format!("pid {client}, curl, at 127.0.0.1:{port}"),
            ];
            expected.sort();
            assert_eq!(comments, expected);
            assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
            assert!(outcome.figure("of others") >= 10, "{}", outcome.stderr);
            let written = outcome.figure("packets written");
            let [Statistics { written: counted, dropped: 0, .. }] = outcome.file.statistics()[..]
            else {
                panic!("{:?}", outcome.file.statistics())
            };
            assert_eq!(written, counted);
            [server, other].into_iter().for_each(Server::stop);
        }

        #[test]
        fn ipv6_and_a_process_by_its_name() {
            let server = Server::start("[::1]");
            let capture = Packets::start(&["-i", "lo", "--comm", "curl", "ip6"]);
            let (_, port) = server.fetch();
            let client = ["s_client", "-connect", &format!("[::1]:{}", server.port)];
            let ended = Process::run("openssl", client);
            assert!(ended.stdout_text().contains("CONNECTED"), "{}", ended.stdout_text());
            let outcome = capture.stop();
            is_one_connection(&outcome.file, port, server.port);
            assert_eq!(outcome.file.fields(["frame.number"], "!ipv6").len(), 0);
            server.stop();
        }

        #[test]
        fn without_a_process_every_packet_that_passes_the_filter() {
            let (server, other) = (Server::start("127.0.0.1"), Server::start("127.0.0.1"));
            let filter = ["tcp", "port", &server.port.to_string()];
            let capture = Packets::start(&[["-i", "lo"].as_slice(), &filter].concat());
            let ((client, port), _) = (server.fetch(), other.fetch());
            let outcome = capture.stop();
            is_one_connection(&outcome.file, port, server.port);
            assert!(!outcome.stderr.contains("undecided"), "{}", outcome.stderr);
            let named = outcome.file.comments();
            assert!(named.iter().any(|name| name.starts_with(&format!("pid {client}, curl"))));
            let mut filters = Vec::new();
            each_block(&fs::read(outcome.file.path()).expect("the file"), |block| {
                if let pcap_parser::Block::InterfaceDescription(block) = block {
                    let filter = block.options.iter().find(|option| option.code.0 == 11);
                    filters.extend(
                        filter.map(|filter| filter.as_bytes().expect("a value")[1..].to_vec()),
                    );
                }
            });
            assert_eq!(filters, [filter.join(" ").into_bytes()]);
            [server, other].into_iter().for_each(Server::stop);
        }

        #[test]
        fn a_connection_that_is_older_than_the_capture() {
            let mut server = SServer::start();
            let address = server.address();
            let mut command = Command::new("openssl");
            command.args(["s_client", "-quiet", "-connect", &address]);
            let mut client = Process::start(command);
            client.feed(b"first\n", false);
            server.process().stdout_holds(b"first");
            let pid = client.pid().to_string();
            let capture = Packets::start(&["-i", "lo", "--pid", &pid]);
            // The server sends, and the client has not called anything yet when it does.
            server.process().feed(b"second\n", false);
            client.stdout_line("what it got", |line| line.contains("second").then_some(()));
            let port = address.rsplit(':').next().expect("a port").to_owned();
            let outcome = capture.stop();
            let rows = outcome.file.fields(ENDS, "tcp.len > 0");
            assert_eq!(rows.len(), 1, "{rows:?}");
            assert_eq!(rows[0][0], port, "{rows:?}");
            client.stop(Signal::TERM);
            server.finish();
        }

        /// A client that is refused never sends nor receives.
        #[test]
        fn a_connection_that_is_refused() {
            let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = closed.local_addr().expect("an address").port().to_string();
            drop(closed);
            let capture = Packets::start(&["-i", "lo", "--comm", "curl"]);
            let ended = Process::run("/usr/bin/curl", [format!("https://127.0.0.1:{port}/")]);
            assert_eq!(ended.status.code(), Some(7), "{}", ended.stderr_text());
            let outcome = capture.stop();
            let to = outcome.file.fields(["tcp.dstport"], "tcp.flags.syn == 1");
            let from = outcome.file.fields(["tcp.srcport"], "tcp.flags.reset == 1");
            assert_eq!((to, from), (vec![[port.clone()]], vec![[port]]));
        }

        #[test]
        fn datagrams() {
            let cert = Cert::new();
            let mut command = Command::new("openssl");
            command.args(["s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-cert"]);
            command.arg(cert.pem()).arg("-key").arg(cert.key());
            let mut server = Process::start(command);
            let port = server.stdout_line("where it listens", |line| {
                Some(line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.to_owned())
            });
            let pid = server.pid().to_string();
            let capture = Packets::start(&["-i", "lo", "-p", &pid]);
            let mut command = Command::new("openssl");
            command.args(["s_client", "-dtls1_2", "-connect", &format!("127.0.0.1:{port}")]);
            let mut client = Process::start(command);
            client.stdout_line("that it connected", |line| {
                line.contains("Verify return code").then_some(())
            });
            client.feed(b"hello\n", false);
            server.stdout_line("what it got", |line| line.contains("hello").then_some(()));
            server.feed(b"answer\n", false);
            client.stdout_line("the answer", |line| line.contains("answer").then_some(()));
            let outcome = capture.stop();
            let hellos = outcome.file.fields(["udp.dstport"], "dtls.handshake.type == 1");
            assert!(!hellos.is_empty() && hellos.iter().all(|[to]| *to == port), "{hellos:?}");
            let rows = outcome.file.fields(["udp.srcport", "udp.dstport"], "udp");
            assert!(rows.iter().all(|row| row.contains(&port)), "{rows:?}");
            assert_eq!(outcome.file.fields(["frame.number"], "!udp").len(), 0);
            assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
            for peer in [client, server] {
                peer.stop(Signal::TERM);
            }
        }

        /// Hundreds of short connections a second, each of which is decided while it begins.
        #[test]
        fn every_connection_of_a_busy_server() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("page", b"a page")]);
            let pid = nginx.workers[0].to_string();
            let capture = Packets::start_within(machine, &["-i", "lo", "--pid", &pid]);
            let close = ["-H", "Connection: close", "-t1", "-c20", "-d1s"];
            Process::run("wrk", close.into_iter().chain([nginx.url("page").as_str()])).success();
            let mut served: Vec<String> =
                nginx.stop().iter().map(|request| request.remote_port.to_string()).collect();
            let outcome = capture.outcome();
            assert_eq!(outcome.figure("dropped by the kernel"), 0, "{}", outcome.stderr);
            let opened = outcome.file.fields(["tcp.srcport"], "tcp.flags == 0x002");
            let opened: Vec<String> = opened.into_iter().flatten().collect();
            assert!(served.len() > 100, "{} connections", served.len());
            served.sort();
            served.dedup();
            let missing: Vec<_> = served.iter().filter(|port| !opened.contains(port)).collect();
            assert_eq!(missing, Vec::<&String>::new(), "{}", outcome.stderr);
            let gaps = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
            assert_eq!(outcome.file.fields(["tcp.stream"], gaps).len(), 0, "packets are missing");
            let strangers = outcome.file.fields(["frame.number"], "tcp.port != 8443");
            assert_eq!(strangers.len(), 0);
        }

        /// Another network namespace, whose end of a cable is captured here.
        struct Namespace {
            name: String,
        }

        impl Namespace {
            fn new() -> Self {
                let name = format!("ecap{}", std::process::id());
                let here = |words: &str| {
                    Process::run("ip", words.split(' ')).success();
                };
                here(&format!("netns add {name}"));
                let namespace = Self { name: name.clone() };
                here(&format!("link add {name} type veth peer name there netns {name}"));
                here(&format!("address add 10.77.0.1/30 dev {name}"));
                here(&format!("link set {name} up"));
                here(&format!("-n {name} address add 10.77.0.2/30 dev there"));
                here(&format!("-n {name} link set there up"));
                namespace
            }
        }

        impl Drop for Namespace {
            fn drop(&mut self) {
                // Takes the cable along; what is gone already is no failure.
                Process::run("ip", ["netns", "delete", &self.name]);
                Process::run("ip", ["link", "delete", &self.name]);
            }
        }

        #[test]
        fn a_process_in_another_network_namespace_on_two_interfaces() {
            let namespace = Namespace::new();
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &namespace.name, "openssl"]);
            let server = Server::start_by(command, "10.77.0.2", "10.77.0.2:0");
            let pid = server.pid().to_string();
            let capture = Packets::start(&["-i", &namespace.name, "-i", "any", "--pid", &pid]);
            let (_, port) = server.fetch();
            let outcome = capture.stop();
            let seen = |number: &str| {
                let filter = format!("frame.interface_id == {number}");
                outcome.file.fields(["tcp.srcport", "tcp.dstport"], &filter)
            };
            let expected = [port.to_string(), server.port.to_string()];
            for rows in [seen("0"), seen("1")] {
                assert!(rows.len() >= 10, "{rows:?}");
                assert!(rows.iter().all(|row| row.iter().all(|end| expected.contains(end))));
            }
            assert_eq!(seen("0").len(), seen("1").len());
            let links = outcome.file.fields(["frame.encap_type"], "frame");
            assert!(links.contains(&["1".to_owned()]) && links.contains(&["210".to_owned()]));
            assert_eq!(outcome.file.statistics().len(), 2);
            server.stop();
        }

        #[test]
        fn a_reader_that_is_too_slow_loses_packets_and_says_so() {
            let server = Server::start("127.0.0.1");
            let machine = Machine::alone();
            let capture = Packets::start_within(machine, &["-i", "lo", "--mapsize", "1"]);
            capture.signal(Signal::STOP);
            for _ in 0..100 {
                server.fetch();
            }
            capture.signal(Signal::CONT);
            let outcome = capture.stop();
            let dropped = outcome.figure("dropped by the kernel");
            let [statistics] = outcome.file.statistics()[..] else { panic!("one interface") };
            assert!(dropped > 0, "{}", outcome.stderr);
            assert_eq!(statistics.dropped, dropped);
            // What came after the last read is counted as received and nothing else.
            assert!(statistics.written + dropped <= statistics.received);
            let written = outcome.file.fields(["frame.number"], "frame").len();
            assert_eq!(written as u64, statistics.written);
            server.stop();
        }

        #[test]
        fn a_killed_capture_leaves_a_readable_file() {
            let server = Server::start("127.0.0.1");
            let port = server.port.to_string();
            let capture = Packets::start(&["-i", "lo", "tcp", "port", &port]);
            let (_, client) = server.fetch();
            capture.await_packet("tcp.flags.fin == 1 && tcp.flags.ack == 1 && tcp.ack > 1");
            let file = capture.kill();
            assert!(file.fields(ENDS, &format!("tcp.port == {client}")).len() > 9);
            assert_eq!(file.statistics(), []);
            server.stop();
        }

        #[test]
        fn a_run_ends_with_the_process_that_it_was_for() {
            let server = Server::start("127.0.0.1");
            let capture = Packets::start(&["-i", "lo", "-p", &server.pid().to_string()]);
            let (_, port) = server.fetch();
            let own = server.port;
            server.stop();
            is_one_connection(&capture.outcome().file, port, own);
        }

        #[test]
        fn standard_output_for_another_program() {
            let server = Server::start("127.0.0.1");
            let filter = ["tcp", "port", &server.port.to_string()];
            let mut command = Command::new("sh");
            let pipe =
                "\"$0\" \"$@\" | tshark -l -r - -Y tls.handshake -T fields -e tls.handshake.type";
            command.args(["-c", pipe]).arg(ecapture_binary());
            command.args(["tls", "-m", "pcapng", "-i", "lo", "-w", "-"]).args(filter);
            let reader = Process::start(command);
            reader.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
            server.fetch();
            // While it runs, as it comes.
            reader.stdout_line("a ClientHello", |line| (line == "1").then_some(()));
            reader.stop(Signal::TERM);
            server.stop();
        }

        /// Runs it with arguments that must be refused, with this exit code, by a sentence that
        /// names `culprit`. Nothing may be written.
        #[track_caller]
        fn refused(args: &[&str], code: i32, culprit: &str) -> String {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let file = dir.path().join("packets");
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "-m", "pcap", "-w"]).arg(&file).args(args);
            let ended = Process::start(command).finish();
            let said = ended.stderr_text();
            assert_eq!(ended.status.code(), Some(code), "{said}");
            assert!(said.contains(culprit) && !said.contains("panicked"), "{said}");
            assert!(ended.stdout.is_empty() && !file.exists());
            said
        }

        #[test]
        fn a_filter_that_makes_no_sense() {
            let said = refused(&["-i", "lo", "tcp", "prot", "443"], 2, "tcp prot 443");
            assert!(said.contains("syntax error"), "libpcap's own words: {said}");
            let said = refused(&["-i", "lo", "host", "no.such.host.invalid"], 2, "no.such.host");
            assert!(said.contains("unknown host"), "{said}");
        }

        #[test]
        fn an_interface_that_does_not_exist() {
            let said = refused(&["-i", "lo", "-i", "nowhere0"], 1, "nowhere0");
            assert!(said.contains("there are lo") && said.contains("any"), "{said}");
        }

        #[test]
        fn an_interface_that_is_down() {
            let name = format!("ecapd{}", std::process::id() % 10_000);
            let ip = |words: &str| Process::run("ip", words.split(' ')).success();
            ip(&format!("link add {name} type veth peer name {name}p"));
            let said = refused(&["-i", &name], 1, &name);
            ip(&format!("link delete {name}"));
            assert!(said.contains("not up"), "{said}");
        }

        #[test]
        fn a_file_that_cannot_be_written() {
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "-m", "pcap", "-i", "lo", "-w", "/nowhere/packets"]);
            let ended = Process::start(command).finish();
            assert_eq!(ended.status.code(), Some(1));
            assert!(ended.stderr_text().contains("/nowhere/packets"), "{}", ended.stderr_text());
        }
    }
}
