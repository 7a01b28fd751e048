//! Connections that are many, that nest, that change hands, that die, and that reuse memory.

mod live {
    mod root {
        use std::{collections::BTreeSet, fs};

        use live::{
            Addresses, Capture, Cert, Machine, Tlsdrive, Told, Victim, assert_shown, deadline,
        };

        #[track_caller]
        fn shown(mode: &str, options: &str) -> Told {
            let cert = Cert::new();
            let capture = Capture::start();
            let told = Tlsdrive::new(&cert, mode, options).run();
            assert_shown(&capture.stop().recording, &told.moved, Addresses::Known);
            told
        }

        #[test]
        fn a_thousand_connections_at_once() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let capture = Capture::start_within(&machine, &[]);
            let told = Tlsdrive::new(&cert, "conns", "n=1000").run();
            assert_eq!(told.moved.len(), 2000);
            assert_shown(&capture.stop().recording, &told.moved, Addresses::Known);
        }

        #[test]
        fn eight_threads_that_share_nothing() {
            let told = shown("threads", "n=8");
            let threads: BTreeSet<u32> = told.moved.iter().map(|m| m.tid).collect();
            assert_eq!(threads.len(), 16, "eight in each process");
        }

        #[test]
        fn tls_within_tls_in_one_thread() {
            let cert = Cert::new();
            let capture = Capture::start();
            let told = Tlsdrive::new(&cert, "nested", "n=5 bytes=20000").run();
            // The inner connection travels over the outer one's socket; its library never sees it.
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::RightOrUnknown);
            assert_eq!(recording.of_pid(told.pid).len(), 2);
        }

        #[test]
        fn a_write_retried_after_want_write() {
            for options in ["bytes=1000000", "bytes=1000000 partial=1 put=write_ex get=read_ex"] {
                let told = shown("retried", options);
                let retries: u32 = told.note("retries").parse().expect("a number");
                assert!(retries > 0, "the write was never retried");
            }
        }

        #[test]
        fn a_forked_server() {
            shown("forked", "n=5");
        }

        #[test]
        fn a_server_forked_in_the_middle_of_a_connection() {
            shown("forked", "n=5 when=middle");
        }

        /// Whether a thread sits in `write` on one descriptor, asleep.
        fn sleeps_in_write(pid: u32, fd: &str) -> bool {
            let syscall = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let fd: u64 = fd.parse().expect("a descriptor");
            syscall.starts_with(&format!("1 {fd:#x} "))
        }

        fn killed_in_a_write(victim: Victim) -> Told {
            let fd = victim.note("stalls_on_fd");
            // Nothing tells of a system call that sleeps; it will, for good, since nobody reads.
            let until = std::time::Instant::now() + deadline();
            while !sleeps_in_write(victim.pid(), &fd) {
                assert!(std::time::Instant::now() < until, "the write never slept");
                std::thread::yield_now();
            }
            victim.kill()
        }

        #[test]
        fn a_process_killed_in_the_middle_of_a_call() {
            let cert = Cert::new();
            let capture = Capture::start();
            let drive = Tlsdrive::new(&cert, "stalled", "bytes=65536");
            let told = killed_in_a_write(drive.start());
            // A second one, after the kernel has had every chance to reuse what the first left.
            let again = killed_in_a_write(drive.start());
            capture.await_event("the end of the killed process", |event| {
                (event.kind == live::Kind::Close && event.pid == Some(again.pid)).then_some(())
            });
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::Known);
            assert_shown(&recording, &again.moved, Addresses::Known);
            for pid in [told.pid, again.pid] {
                let client = recording.of_pid(pid)[0];
                assert_eq!((client.closed, client.unfinished[1]), (true, Some(32 << 20)));
            }
        }

        #[test]
        fn an_ssl_freed_and_its_address_reused() {
            let cert = Cert::new();
            let capture = Capture::start();
            let told = Tlsdrive::new(&cert, "reused", "n=8").run();
            let pointers: BTreeSet<&str> =
                told.moved.iter().filter(|m| m.pid == told.pid).map(|m| &*m.ssl).collect();
            assert!(pointers.len() < 8, "the allocator never reused an address: {pointers:?}");
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::Known);
            let conns = recording.of_pid(told.pid);
            assert_eq!(conns.len(), 8);
            assert!(conns.iter().all(|conn| conn.opened && conn.closed));
        }

        #[test]
        fn an_ssl_cleared_and_used_again() {
            let told = shown("cleared", "n=5");
            assert_eq!(told.moved.iter().filter(|m| m.pid == told.pid).count(), 5);
        }
    }
}
