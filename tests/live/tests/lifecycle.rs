//! From `ready` to the last byte: where output goes, how a run ends, and what it leaves behind.

mod live {
    mod root {
        use std::{
            collections::BTreeSet,
            fs,
            path::Path,
            process::Command,
            time::{Duration, Instant},
        };

        use live::{
            Addresses, Capture, Cert, Machine, Nginx, Process, Recording, Tlsdrive, Victim,
            altered_bytes, assert_shown, deadline, ecapture_binary, libssl_in_use, traced_curl,
        };
        use rustix::process::Signal;

        const LIBSSL: &str = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

        /// ecapture with its output on a pipe of the test's, a process that uses libssl, and a
        /// claim on the machine: others must not find its probes where they look for theirs.
        #[track_caller]
        fn piped(args: &[&str]) -> (Process, Process, Machine) {
            let machine = Machine::shared();
            let libssl = libssl_in_use();
            let mut command = Command::new(ecapture_binary());
            command.args(["tls", "--raw"]).args(args);
            (ready(Process::start(command)), libssl, machine)
        }

        #[track_caller]
        fn ready(process: Process) -> Process {
            process.stderr_line("that it is ready", |line| line.contains("ready").then_some(()));
            process
        }

        /// The kernel's numbers of the links that a process holds.
        fn links_of(pid: u32) -> BTreeSet<u64> {
            let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("descriptors");
            let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
            texts.filter_map(|text| link_number(&text)).collect()
        }

        fn link_number(fdinfo: &str) -> Option<u64> {
            let number = fdinfo.lines().find_map(|line| line.strip_prefix("link_id:"))?;
            number.trim().parse().ok()
        }

        /// All links that the kernel has.
        fn links() -> BTreeSet<u64> {
            let listed = Process::run("bpftool", ["--json", "link", "show"]).success();
            let links: Vec<serde_json::Value> =
                serde_json::from_slice(&listed.stdout).expect("bpftool's list");
            links.iter().filter_map(|link| link["id"].as_u64()).collect()
        }

        /// Captures a victim that lives on, ends the run, and looks at what is left in the victim.
        fn leaves_no_probe(end: impl FnOnce(Capture)) {
            let cert = Cert::new();
            let machine = Machine::alone();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let libssl = dir.path().join("libssl.so.3");
            fs::copy(LIBSSL, &libssl).expect("a copy of libssl");
            let mut command = Tlsdrive::new(&cert, "plain", "gate=middle n=2").command();
            command.env("LD_LIBRARY_PATH", dir.path());
            let mut victim = Victim::start(command);
            victim.at_gate("middle");
            let probes = || altered_bytes(victim.pid(), path(&libssl)).len();
            assert_eq!(probes(), 0, "probes before there were any");
            let capture = Capture::start_within(&machine, &[]);
            let held = links_of(capture.pid());
            assert_ne!(probes(), 0, "no probe stands");
            assert!(!held.is_empty() && held.is_subset(&links()), "{held:?}");
            end(capture);
            assert_eq!(probes(), 0, "probes were left behind");
            assert!(held.is_disjoint(&links()), "links were left behind");
            victim.pass();
            victim.finish();
        }

        #[test]
        fn an_interrupt_leaves_no_probe() {
            leaves_no_probe(|capture| drop(capture.stop()));
        }

        #[test]
        fn death_leaves_no_probe() {
            leaves_no_probe(|capture| capture.kill());
        }

        #[test]
        fn a_termination_drains_as_an_interrupt_does() {
            let cert = Cert::new();
            let capture = Capture::start();
            let told = Tlsdrive::new(&cert, "plain", "n=3").run();
            capture.signal(Signal::TERM);
            assert_shown(&capture.outcome().recording, &told.moved, Addresses::Known);
        }

        #[test]
        fn standard_output_carries_events_and_nothing_else() {
            let cert = Cert::new();
            let (ecapture, _libssl, _machine) = piped(&["--format", "json"]);
            let told = Tlsdrive::new(&cert, "plain", "n=3").run();
            let ended = ecapture.stop(Signal::INT).success();
            assert_shown(&Recording::parse(&ended.stdout), &told.moved, Addresses::Known);
        }

        #[test]
        fn text_shows_who_where_and_what() {
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let (ecapture, _libssl, _machine) = piped(&[]);
            let trace = traced_curl(&nginx.cert(), &nginx.url("file"), |_| {});
            let address = nginx.address();
            nginx.stop();
            let text = ecapture.stop(Signal::INT).success().stdout_text();
            assert!(!text.contains('\u{1b}'), "colour on a pipe");
            let mut lines = text.lines();
            let pid = trace.pid.to_string();
            let header = lines.find(|line| line.contains(&pid) && line.contains("curl"));
            let header = header.unwrap_or_else(|| panic!("no header of curl's:\n{text}"));
            let size = trace.sent.len().to_string();
            assert!(header.contains(&address) && header.contains(&size), "{header}");
            assert!(lines.next().is_some_and(|line| line.contains("GET /file HTTP/1.1")), "{text}");
            assert!(text.contains("what the file says"));
        }

        #[test]
        fn a_closed_pipe_is_a_clean_exit() {
            let _machine = Machine::shared();
            let cert = Cert::new();
            for format in ["text", "json"] {
                let mut command = Command::new("bash");
                let script = r#"set -o pipefail; "$0" tls --format "$1" | head -n 1"#;
                command.args(["-c", script]).arg(ecapture_binary()).arg(format);
                let pipeline = ready(Process::start(command));
                let until = Instant::now() + deadline();
                // The pipe is found closed by the first write after head has gone.
                while !pipeline.has_ended() {
                    assert!(Instant::now() < until, "a closed pipe does not end the run");
                    Tlsdrive::new(&cert, "plain", "n=3").run();
                }
                let ended = pipeline.finish().success();
                assert_eq!(ended.stdout_text().lines().count(), 1);
                assert!(!ended.stderr_text().contains("anic"), "{}", ended.stderr_text());
            }
        }

        #[test]
        fn a_second_interrupt_ends_a_run_that_cannot_drain() {
            let _machine = Machine::shared();
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let fifo = dir.path().join("nobody-reads");
            Process::run("mkfifo", [&fifo]).success();
            // Open at both ends and never read.
            let held = fs::File::options().read(true).write(true).open(&fifo).expect("a pipe");
            let _libssl = libssl_in_use();
            let mut command = Command::new("sh");
            command.args(["-c", r#"exec "$0" tls --format json >"$1""#]);
            command.arg(ecapture_binary()).arg(&fifo);
            let ecapture = ready(Process::start(command));
            Tlsdrive::new(&cert, "plain", "n=50 bytes=10000").run();
            ecapture.signal(Signal::INT);
            assert!(!ecapture.ends_within(Duration::from_secs(1)), "it has lost what it held");
            ecapture.signal(Signal::INT);
            assert!(ecapture.ends_within(deadline()), "a second interrupt is not heard");
            drop(held);
        }

        /// eCapture's rotation: files are put aside at batches, and together they are the capture.
        #[test]
        fn a_file_that_is_large_enough_is_put_aside() {
            let page = vec![b'x'; 900_000];
            let nginx = Nginx::start(1, &[("page", &page)]);
            let pid = nginx.workers[0].to_string();
            let capture = Capture::start_with(&["--eventroratesize", "1", "-p", &pid]);
            for _ in 0..4 {
                let mut command = live::curl(&nginx.cert());
                command.args(["--http1.1", "--output", "/dev/null"]).arg(nginx.url("page"));
                Process::start(command).finish().success();
            }
            let sent: u64 = nginx.stop().iter().map(|served| served.sent).sum();
            let dir = capture.stop_keeping();
            let entries = fs::read_dir(dir.path()).expect("a folder");
            let files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
            // Base64 makes four thirds of it.
            assert!((4..=6).contains(&files.len()), "{files:?}");
            let mut written = 0;
            for file in &files {
                live::assert_private(file);
                let text = fs::read_to_string(file).expect("a file");
                let aside = file.file_name().is_some_and(|name| name != "events.json");
                assert!(!aside || text.len() >= 1_000_000, "{}", text.len());
                for line in text.lines() {
                    let event: serde_json::Value = serde_json::from_str(line).expect("whole lines");
                    if event["type"] == "data" && event["dir"] == "write" {
                        written += event["len"].as_u64().expect("a length");
                    }
                }
            }
            assert_eq!(written, sent);
        }

        /// A file that is old enough is put aside with the first batch after that.
        #[test]
        fn a_file_that_is_old_enough_is_put_aside() {
            let nginx = Nginx::start(1, &[("page", b"a page")]);
            let pid = nginx.workers[0].to_string();
            let capture = Capture::start_with(&["--eventroratetime", "1", "-p", &pid]);
            let folder = capture.output().parent().expect("a folder").to_owned();
            let entries = || fs::read_dir(&folder).expect("a folder");
            while entries().count() < 3 {
                let mut command = live::curl(&nginx.cert());
                command.args(["--http1.1", "--output", "/dev/null"]).arg(nginx.url("page"));
                Process::start(command).finish().success();
            }
            let sent: u64 = nginx.stop().iter().map(|served| served.sent).sum();
            let dir = capture.stop_keeping();
            let files: Vec<_> = entries().map(|entry| entry.expect("an entry").path()).collect();
            let (mut written, mut summaries) = (0, 0);
            for file in &files {
                live::assert_private(file);
                for line in fs::read_to_string(file).expect("a file").lines() {
                    let event: serde_json::Value = serde_json::from_str(line).expect("whole lines");
                    summaries += usize::from(event["type"] == "summary");
                    if event["type"] == "data" && event["dir"] == "write" {
                        written += event["len"].as_u64().expect("a length");
                    }
                }
            }
            assert_eq!((written, summaries), (sent, 1), "{files:?}");
            drop(dir);
        }

        #[test]
        fn an_existing_output_is_replaced_and_made_private() {
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let output = dir.path().join("old");
            fs::write(&output, "what was there before\n".repeat(10_000)).expect("a file");
            let (ecapture, _libssl, _machine) = piped(&["--format", "json", "-o", path(&output)]);
            let told = Tlsdrive::new(&cert, "plain", "n=3").run();
            ecapture.stop(Signal::INT).success();
            live::assert_private(&output);
            assert_shown(&Recording::read(&output), &told.moved, Addresses::Known);
        }

        fn path(path: &Path) -> &str {
            path.to_str().expect("a plain name")
        }
    }
}
