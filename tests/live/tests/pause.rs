//! `--on-overload pause`: nothing is lost, and nobody stays stopped.

mod live {
    mod root {
        use std::{
            fs,
            process::Command,
            thread::sleep,
            time::{Duration, Instant},
        };

        use live::{
            Addresses, Capture, Cert, Machine, Nginx, Process, Victim, assert_same, assert_shown,
            deadline, python, source_path,
        };
        use rustix::process::{Pid, Signal, kill_process};

        /// A ring of 256 KiB.
        const SMALL: [&str; 6] = ["--shards", "1", "--mapsize", "1", "--on-overload", "pause"];

        #[track_caller]
        fn start(pid: u32) -> Capture {
            Capture::start_with(&[&SMALL[..], &["--pid", &pid.to_string()]].concat())
        }

        /// Bytes that no two places share.
        fn body(len: u32) -> Vec<u8> {
            (0..len / 8).flat_map(|n| format!("{n:07}\n").into_bytes()).collect()
        }

        fn curl(nginx: &Nginx) -> Process {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--http1.1", "--cacert"]).arg(nginx.cert());
            curl.arg(nginx.url("file"));
            Process::start(curl)
        }

        fn signal(pid: u32, signal: Signal) {
            let pid = Pid::from_raw(pid as i32).expect("a process");
            kill_process(pid, signal).expect("a signal");
        }

        /// Waits for a state as in proc_pid_stat(5): `t` is stopped by a tracer, `T` by a signal.
        #[track_caller]
        fn await_state(pid: u32, wanted: char) {
            let end = Instant::now() + deadline();
            loop {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
                let state = stat.rsplit(") ").next().expect("a state");
                if state.starts_with(wanted) {
                    return;
                }
                assert!(Instant::now() < end, "pid {pid} is {state}, not {wanted}");
                sleep(Duration::from_millis(5));
            }
        }

        /// How often the run says that it paused.
        #[track_caller]
        fn paused(stderr: &str) -> u64 {
            let line = stderr.lines().find_map(|line| line.trim().strip_prefix("INFO paused "));
            let times = line.and_then(|rest| rest.split(' ').next()?.parse().ok());
            times.unwrap_or_else(|| panic!("it never said how often it paused:\n{stderr}"))
        }

        #[test]
        fn hundreds_of_megabytes_through_a_small_ring_to_the_byte() {
            let machine = Machine::alone();
            let body = body(50_000_000);
            let nginx = Nginx::start(1, &[("file", &body)]);
            let worker = nginx.workers[0];
            let pid = worker.to_string();
            let args = [&SMALL[..], &["--pid", &pid]].concat();
            let capture = Capture::start_within(&machine, &args);
            for _ in 0..4 {
                let got = curl(&nginx).finish().success().stdout;
                assert!(got == body, "curl got {} bytes", got.len());
            }
            let served = nginx.stop();
            // Its only process has ended.
            let outcome = capture.outcome();
            assert!(paused(&outcome.stderr) > 0, "the ring was never full");
            let conns = outcome.recording.of_pid(worker);
            assert_eq!(conns.len(), 4);
            for (conn, served) in conns.iter().zip(&served) {
                conn.assert_whole();
                assert_eq!((conn.read.end, conn.write.end), (served.request, served.sent));
                let sent = conn.write.bytes.split_at(conn.write.bytes.len() - body.len()).1;
                assert!(sent == body, "what nginx sent is not the file");
            }
            assert_eq!(outcome.recording.summary(&["lost_events"]), 0);
            assert_eq!(outcome.recording.summary(&["unaccounted"]), 0);
        }

        /// A hundred times what the ring holds, from threads that no ordinary signal reaches.
        #[test]
        fn one_call_of_32_megabytes_and_every_signal_blocked() {
            let cert = Cert::new();
            let mut command = python();
            command.arg(source_path("tests/programs/python_large_call.py"));
            command.arg(cert.pem()).arg(cert.key()).arg("32000000");
            let mut victim = Victim::start(command);
            let capture = start(victim.at_gate("start"));
            victim.pass();
            let told = victim.finish();
            let outcome = capture.outcome();
            assert!(paused(&outcome.stderr) > 0, "the ring was never full");
            assert_same(&told.moved);
            assert_shown(&outcome.recording, &told.moved, Addresses::RightOrUnknown);
            assert_eq!(outcome.recording.summary(&["lost_events"]), 0);
            assert_eq!(outcome.recording.summary(&["unaccounted"]), 0);
        }

        #[test]
        fn a_program_goes_on_when_ecapture_is_killed() {
            let body = body(20_000_000);
            let nginx = Nginx::start(1, &[("file", &body)]);
            let capture = start(nginx.workers[0]);
            // Nobody reads the ring.
            capture.signal(Signal::STOP);
            let curl = curl(&nginx);
            await_state(nginx.workers[0], 't');
            capture.kill();
            let got = curl.finish().success().stdout;
            assert!(got == body, "curl got {} bytes", got.len());
            nginx.stop();
        }

        #[test]
        fn what_its_user_stopped_is_not_continued() {
            let body = body(20_000_000);
            let nginx = Nginx::start(1, &[("file", &body)]);
            let worker = nginx.workers[0];
            let capture = start(worker);
            capture.signal(Signal::STOP);
            let curl = curl(&nginx);
            await_state(worker, 't');
            signal(worker, Signal::STOP);
            capture.signal(Signal::CONT);
            capture.signal(Signal::INT);
            let outcome = capture.outcome();
            assert!(paused(&outcome.stderr) > 0, "the ring was never full");
            await_state(worker, 'T');
            assert!(!curl.has_ended());
            signal(worker, Signal::CONT);
            let got = curl.finish().success().stdout;
            assert!(got == body, "curl got {} bytes", got.len());
            nginx.stop();
        }

        #[test]
        fn a_program_that_another_one_traces_is_refused() {
            let cat = Process::start(Command::new("cat"));
            let pid = cat.pid().to_string();
            let first = start(cat.pid());
            let words = ["tls", "--on-overload", "pause", "--pid", &pid];
            let second = Process::run(&live::ecapture_binary().display().to_string(), words);
            assert_eq!(second.status.code(), Some(1));
            let stderr = second.stderr_text();
            assert!(stderr.contains(&format!("process {pid} is traced by process ")), "{stderr}");
            first.stop();
        }
    }
}
