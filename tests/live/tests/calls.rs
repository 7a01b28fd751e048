//! Every function that moves bytes, of every OpenSSL at hand, with calls of every size.

mod live {
    mod root {
        use live::{Addresses, Capture, Cert, OpenSsl, Recording, Tlsdrive, Told, assert_shown};

        /// Runs tlsdrive in `mode` and checks that each connection is shown byte for byte.
        #[track_caller]
        fn shown(openssl: OpenSsl, mode: &str, options: &str) -> (Recording, Told) {
            let (recording, told) = observed(openssl, mode, options, &[]);
            assert_shown(&recording, &told.moved, Addresses::Known);
            (recording, told)
        }

        /// Runs tlsdrive in `mode` beside `ecapture tls ARGS`.
        #[track_caller]
        fn observed(
            openssl: OpenSsl,
            mode: &str,
            options: &str,
            args: &[&str],
        ) -> (Recording, Told) {
            let cert = Cert::new();
            let drive = Tlsdrive::new(&cert, mode, &format!("gate=start {options}")).with(openssl);
            // Held at its gate, the library is mapped before ecapture looks: how soon a new one is
            // found is another test's question.
            let mut victim = drive.start();
            victim.at_gate("start");
            let capture = Capture::start_with(args);
            victim.pass();
            let told = victim.finish();
            (capture.stop().recording, told)
        }

        fn every_row(openssl: OpenSsl) {
            let (recording, told) = shown(openssl, "rows", "");
            let peeks = told.notes.iter().filter(|(_, name, _)| name == "peeked").count();
            let conns: Vec<_> = told.moved.iter().flat_map(|m| recording.of_pid(m.pid)).collect();
            let peeked: Vec<_> = conns
                .iter()
                .flat_map(|conn| conn.read.peeked.iter().map(|peek| (&conn.read.bytes, peek)))
                .collect();
            assert_eq!(peeked.len(), peeks, "each SSL_peek is shown once");
            for (stream, (pos, data)) in peeked {
                let then_read = stream.get(*pos as usize..*pos as usize + data.len());
                assert_eq!((data.len(), then_read), (100, Some(&data[..])), "at {pos}");
            }
            assert!(conns.iter().all(|conn| conn.write.peeked.is_empty()));
            assert!(conns.iter().all(|conn| conn.opened && conn.closed));
        }

        fn early_data(openssl: OpenSsl) {
            let (_, told) = shown(openssl, "early", "");
            assert_eq!(told.note("early_read"), "1000", "early data went early");
        }

        #[test]
        fn every_row_of_the_system_library() {
            every_row(OpenSsl::System);
            early_data(OpenSsl::System);
        }

        #[test]
        fn every_row_of_openssl_1_1_1() {
            every_row(OpenSsl::V111);
            early_data(OpenSsl::V111);
        }

        #[test]
        fn every_row_of_openssl_3_6_in_an_executable() {
            every_row(OpenSsl::V36);
            early_data(OpenSsl::V36);
        }

        #[test]
        fn every_row_of_openssl_3_6_exported_by_an_executable() {
            every_row(OpenSsl::V36Exported);
            early_data(OpenSsl::V36Exported);
        }

        #[test]
        fn sendfile_is_a_gap_where_it_works_and_nothing_where_it_fails() {
            let cert = Cert::new();
            let capture = Capture::start();
            let told = Tlsdrive::new(&cert, "sendfile", "bytes=5000").run();
            let recording = capture.stop().recording;
            let client = recording.of_pid(told.pid)[0];
            // Without TLS in the kernel the call answers -1 and moves nothing.
            let sent: u64 = told.note("sendfile").parse().unwrap_or(0);
            assert_eq!((client.write.missing(), client.write.end), (sent, 10_000 + sent));
            if sent == 0 {
                assert_shown(&recording, &told.moved, Addresses::Known);
            }
        }

        fn sizes() -> String {
            let around = |n: u32| [(1_u32 << n) - 1, 1 << n, (1 << n) + 1];
            let sizes = [0, 1].into_iter().chain((7..=16).flat_map(around));
            sizes.map(|size| size.to_string()).collect::<Vec<_>>().join(",")
        }

        #[test]
        fn single_calls_around_every_power_of_two() {
            shown(OpenSsl::System, "sizes", &format!("sizes={} put=write get=read", sizes()));
            shown(OpenSsl::System, "sizes", &format!("sizes={} put=write_ex get=read_ex", sizes()));
        }

        #[test]
        fn a_single_call_of_1_mib() {
            shown(OpenSsl::System, "sizes", "sizes=1048576");
        }

        const HUGE: (&str, u64) = ("sizes=33554432", 33_554_432);

        /// The whole call is copied when it returns: faster than any reader takes it away, so that
        /// the rings must hold it.
        #[test]
        fn a_single_call_of_32_mib() {
            let rings = ["--mapsize", "16384"];
            let (recording, told) = observed(OpenSsl::System, "sizes", HUGE.0, &rings);
            assert_shown(&recording, &told.moved, Addresses::Known);
        }

        #[test]
        fn a_single_call_of_32_mib_is_accounted_for_in_rings_of_any_size() {
            let (recording, told) =
                observed(OpenSsl::System, "sizes", HUGE.0, &["--mapsize", "64"]);
            for m in &told.moved {
                let conn = recording.of_pid(m.pid)[0];
                assert_eq!((conn.read.end, conn.write.end), (HUGE.1, HUGE.1));
                // What is shown stands where it belongs: the start of the call is never lost.
                assert!(conn.write.missing() > 0 && !conn.write.bytes.is_empty());
            }
        }

        #[test]
        fn tls_1_2_over_ipv6() {
            shown(OpenSsl::System, "plain", "n=20 bytes=3000 net=6 tls12=1");
        }

        #[test]
        fn a_socket_pair_has_no_address() {
            // Known: that there is none.
            shown(OpenSsl::System, "plain", "n=20 bytes=3000 net=pair");
        }
    }
}
