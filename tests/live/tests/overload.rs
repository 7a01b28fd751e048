//! Data faster than it is read: what is lost is what the user chose to lose, to the byte.
//!
//! A reader that does not run at all is the worst there is, so ecapture is stopped by a signal
//! while the programs go on.

mod live {
    mod root {
        use std::process::Command;

        use live::{
            Capture, Cert, Conn, Dir, Machine, Nginx, Process, Tlsdrive, Totals, assert_same,
        };
        use rustix::process::Signal;

        const CALL: u64 = 16_000;
        const KEPT: u64 = 1000;

        /// Nine calls fill three quarters of what payload may take of a ring of 256 KiB.
        #[test]
        fn truncate_keeps_the_first_bytes_of_every_call() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let args = ["--shards", "1", "--mapsize", "1", "--on-overload", "truncate"];
            let kept = KEPT.to_string();
            let capture =
                Capture::start_within(&machine, &[&args[..], &["--keep-bytes", &kept]].concat());
            let sizes = vec![CALL.to_string(); 8].join(",");
            let drive = Tlsdrive::new(&cert, "sizes", &format!("gate=start sizes={sizes}"));
            let mut victim = drive.start();
            victim.at_gate("start");
            capture.signal(Signal::STOP);
            victim.pass();
            let told = victim.finish();
            capture.signal(Signal::CONT);
            let recording = capture.stop().recording;
            assert_same(&told.moved);
            for moved in &told.moved {
                let Conn { read, write, .. } = recording.of_pid(moved.pid)[0];
                assert_eq!((read.end, write.end), (moved.read.len, moved.write.len));
                let gaps = &write.gaps;
                assert!(!gaps.is_empty(), "nothing was cut");
                for gap in gaps {
                    let place = (gap.pos % CALL, gap.len, &*gap.reason);
                    assert_eq!(place, (KEPT, CALL - KEPT, "overload"));
                }
                assert!(read.gaps.iter().all(|gap| gap.reason == "overload"));
            }
            assert_eq!(recording.summary(&["lost_events"]), 0);
            assert_eq!(recording.summary(&["unaccounted"]), 0);
        }

        /// 20 MB from nginx to curl and a ring of 16 MiB, against nginx's own count.
        #[test]
        fn truncate_loses_nothing_of_what_nginx_sends() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 20_000_000])]);
            let args = ["--shards", "1", "--mapsize", "2048", "--on-overload", "truncate"];
            let capture = Capture::start_within(&machine, &args);
            capture.signal(Signal::STOP);
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--http1.1", "--output", "/dev/null", "--cacert"]);
            let curl = Process::start({
                curl.arg(nginx.cert()).arg(nginx.url("file"));
                curl
            });
            let curl = curl.finish().success();
            let worker = nginx.workers[0];
            let served = nginx.stop();
            capture.signal(Signal::CONT);
            let output = capture.output();
            let kept = capture.stop_keeping();
            let totals = Totals::read(&output, |_, _, _, _| {});
            for (pid, dir) in [(worker, Dir::Write), (curl.pid, Dir::Read)] {
                let total = totals.of(pid, dir);
                assert_eq!(total.moved(), served[0].sent, "pid {pid} {dir:?}: {total:?}");
                let reasons: Vec<_> = total.gaps.keys().map(String::as_str).collect();
                assert_eq!(reasons, ["overload"]);
                assert!(total.captured > 1_000_000, "{total:?}");
            }
            assert!(totals.summary.contains("\"unaccounted\":0,"), "{}", totals.summary);
            drop(kept);
        }
    }
}
