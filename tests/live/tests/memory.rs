//! Memory under load: what ecapture holds is bounded, whatever the number of connections.

mod live {
    mod root {
        use std::{fs, process::Command};

        use live::{Cert, Machine, Nginx, Process, Tlsdrive, ecapture_binary, source_path};
        use rustix::process::Signal;

        /// What is promised beside the rings (docs/known-issues.md), in KiB.
        const PROMISED: u64 = 64 << 10;
        /// Of the rings, in pages of 4 KiB per CPU.
        const PAGES: u64 = 1024;

        /// The most that a process held at once, in KiB.
        fn peak(pid: u32) -> u64 {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            number.expect("a peak")
        }

        /// A thousand connections at once, seen from both ends, then two hundred at full speed.
        #[track_caller]
        fn assert_bounded(format: &[&str]) {
            let _machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 10_000])]);
            let dir = tempfile::tempdir().expect("a directory");
            let output = dir.path().join("output");
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "--mapsize", &PAGES.to_string(), "-o"]).arg(&output);
            let ecapture = Process::start({
                command.args(format);
                command
            });
            ecapture.stderr_line("that it is ready", |line| line.contains("ready: ").then_some(()));

            let told = Tlsdrive::new(&Cert::new(), "conns", "n=1000").run();
            assert_eq!(told.moved.len(), 2000);
            let mut wrk = Command::new("wrk");
            wrk.args(["-t1", "-c200", "-d8s", "--timeout", "30s", "-s"]);
            wrk.arg(source_path("tests/programs/wrk_count.lua")).arg(nginx.url("file"));
            Process::start(wrk).finish().success();
            let served = nginx.stop();
            let held = peak(ecapture.pid());
            let told = ecapture.stop(Signal::INT).success().stderr_text();

            assert!(!served.is_empty(), "nothing was served");
            let output = fs::read(&output).expect("the output");
            let end = String::from_utf8_lossy(&output[output.len().saturating_sub(4096)..]);
            let books = ["unaccounted 0 B", "\"unaccounted\":0,"];
            assert!(books.iter().any(|zero| told.contains(zero) || end.contains(zero)), "{told}");
            let cpus = std::thread::available_parallelism().expect("CPUs").get() as u64;
            // Each page of a ring is mapped twice in a row, and counted as often as it is touched.
            let rings = 2 * 4 * PAGES * cpus.next_power_of_two();
            assert!(held < PROMISED + rings, "{held} KiB with {rings} KiB of rings");
        }

        #[test]
        fn a_thousand_connections_as_text() {
            assert_bounded(&["--raw"]);
        }

        #[test]
        fn a_thousand_connections_as_messages() {
            assert_bounded(&[]);
        }

        #[test]
        fn a_thousand_connections_as_json() {
            assert_bounded(&["--format", "json"]);
        }
    }
}
