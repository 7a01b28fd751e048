//! Programs that run before their library can be hooked: captured from the first byte, or told of.

mod live {
    mod root {
        use std::{
            fs::{self, File},
            io::{BufWriter, Write},
            path::{Path, PathBuf},
            process::Command,
            thread,
            time::Instant,
        };

        use live::{
            Capture, Machine, Nginx, Process, Recording, SServer, Trace, curl, traced_curl,
        };
        use serde_json::Value;
        use tempfile::TempDir;

        /// A folder with a libssl of its own.
        fn own_libssl() -> (TempDir, PathBuf) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let copy = dir.path().join("libssl.so.3");
            fs::copy("/usr/lib/x86_64-linux-gnu/libssl.so.3", &copy).expect("a copy of libssl");
            (dir, copy)
        }

        /// What the summary says of a process.
        fn told(recording: &Recording, pid: u32) -> Option<&Value> {
            recording.unhooked().iter().find(|one| one["pid"] == pid)
        }

        fn is_whole(recording: &Recording, trace: &Trace) -> bool {
            let conns = recording.of_pid(trace.pid);
            conns.len() == 1
                && conns[0].write.bytes == trace.sent
                && conns[0].read.bytes == trace.received
        }

        #[test]
        fn who_is_not_held_is_told_of() {
            let capture = Capture::start_with(&["--no-hold"]);
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let (dir, copy) = own_libssl();
            let trace = traced_curl(&nginx.cert(), &nginx.url("file"), |command| {
                command.env("LD_LIBRARY_PATH", dir.path());
            });
            let line = format!("PID {} (curl) used {} for ", trace.pid, copy.display());
            capture.await_log("the program", |said| said.contains(&line).then_some(()));
            // The next one finds it hooked.
            let next = traced_curl(&nginx.cert(), &nginx.url("file"), |command| {
                command.env("LD_LIBRARY_PATH", dir.path());
            });
            let outcome = capture.stop();
            let one = told(&outcome.recording, trace.pid).expect("the program in the summary");
            let all = ["comm", "exe", "lib", "reason", "why"].map(|name| one[name].as_str());
            let copy = copy.to_str();
            let exe = Some("/usr/bin/curl");
            assert_eq!(all, [Some("curl"), exe, copy, Some("no-hold"), Some("--no-hold")]);
            assert!(one["ns"].as_u64().is_some_and(|ns| ns > 0), "{one}");
            assert_eq!(outcome.stderr.matches(&line).count(), 2, "{}", outcome.stderr);
            assert!(is_whole(&outcome.recording, &next));
            assert_eq!(told(&outcome.recording, next.pid), None);
        }

        /// Under `-p`, a library that a thread loads which was started later, and nothing of what the
        /// rest of the machine does.
        #[test]
        fn a_named_process_is_followed_and_no_other_wakes_us() {
            let machine = Machine::alone();
            let server = SServer::start();
            let (dir, _copy) = own_libssl();
            let mut command = live::python();
            command
                .args(["-c", LOADS_LATE])
                .arg(server.address())
                .env("LD_LIBRARY_PATH", dir.path());
            let mut python = Process::start(command);
            python.stdout_line("that it runs", |line| (line == "runs").then_some(()));
            let pid = python.pid();
            let capture = Capture::start_within(&machine, &["--pid", &pid.to_string()]);
            let before = switches(capture.pid());
            (0..20).for_each(|_| drop(Process::run("true", [""; 0]).success()));
            assert_eq!(switches(capture.pid()), before);
            python.feed(b"go\n", true);
            python.finish().success();
            let outcome = capture.outcome();
            let conns = outcome.recording.of_pid(pid);
            assert_eq!(conns.len(), 1, "{}", outcome.stderr);
            assert_eq!(conns[0].write.bytes, b"every byte of it");
        }

        const LOADS_LATE: &str = "import socket, sys, threading\n\
            def work():\n \
              import ssl\n \
              context = ssl._create_unverified_context()\n \
              host, port = sys.argv[1].rsplit(':', 1)\n \
              with context.wrap_socket(socket.create_connection((host, port))) as tls:\n  \
                tls.sendall(b'every byte of it')\n\
            print('runs', flush=True)\n\
            sys.stdin.readline()\n\
            thread = threading.Thread(target=work)\n\
            thread.start()\n\
            thread.join()";

        /// How often the thread that is told of mappings went to sleep, once it sleeps.
        fn switches(pid: u32) -> String {
            let until = Instant::now() + live::deadline();
            let sleeps = |status: &String| {
                status.contains("Name:\tarrivals\n") && status.contains("State:\tS (sleeping)\n")
            };
            while Instant::now() < until {
                let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
                let status =
                    tasks.flatten().map(|one| fs::read_to_string(one.path().join("status")));
                if let Some(status) = status.flatten().find(sleeps) {
                    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt"));
                    return line.expect("a count").to_owned();
                }
                thread::yield_now();
            }
            panic!("no thread for mappings sleeps");
        }

        /// There can be one tracer only, and strace was first.
        #[test]
        fn who_is_traced_already_is_told_of() {
            let capture = Capture::start();
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let (dir, copy) = own_libssl();
            let fetch = curl(&nginx.cert());
            let mut command = Command::new("strace");
            command.args(["-qq", "-o", "/dev/null", "-E"]);
            command.arg(format!("LD_LIBRARY_PATH={}", dir.path().display()));
            command.arg(fetch.get_program()).args(fetch.get_args());
            command.args(["-o", "/dev/null"]).arg(nginx.url("file"));
            let strace = Process::start(command).finish().success().pid;
            let recording = capture.stop().recording;
            let lib = copy.to_str().expect("a plain name");
            let one = recording.unhooked().iter().find(|one| one["lib"] == lib);
            let one = one.expect("the program in the summary");
            assert_eq!((&one["reason"], &one["comm"]), (&"traced".into(), &"curl".into()));
            let why = format!("it could not be held: process {strace} traces it");
            assert_eq!(one["why"], why.as_str());
        }

        /// Names of one file that takes long to examine: as many symbols as are read, each with the
        /// longest name that is compared. Under a new name it is examined anew.
        fn slow_files(dir: &Path, names: usize) -> Vec<PathBuf> {
            const SYMBOLS: u64 = (128 << 20) / 24;
            let path = dir.join("slow");
            let mut file = BufWriter::new(File::create(&path).expect("a file"));
            let mut header = [0; 64];
            header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
            // A shared library for x86-64 with four sections behind the header.
            header[16..24].copy_from_slice(&[3, 0, 62, 0, 1, 0, 0, 0]);
            header[40] = 64;
            header[52..64].copy_from_slice(&[64, 0, 56, 0, 0, 0, 64, 0, 4, 0, 0, 0]);
            file.write_all(&header).expect("a write");
            let section = |kind: u32, offset: u64, size: u64| {
                let mut section = [0; 64];
                section[4..8].copy_from_slice(&kind.to_le_bytes());
                section[24..32].copy_from_slice(&offset.to_le_bytes());
                section[32..40].copy_from_slice(&size.to_le_bytes());
                section[40] = 3;
                section
            };
            let (names_at, symbols_at) = (64 * 5, 64 * 5 + 256);
            let (dynamic, full, strings) = (11, 2, 3);
            for each in [
                [0; 64],
                section(dynamic, symbols_at, SYMBOLS * 24),
                section(full, symbols_at, SYMBOLS * 24),
                section(strings, names_at, 256),
            ] {
                file.write_all(&each).expect("a write");
            }
            let mut name = [b'a'; 256];
            name[255] = 0;
            file.write_all(&name).expect("a write");
            let mut symbol = [0; 24];
            // A function that is defined.
            (symbol[4], symbol[6]) = (0x12, 1);
            (0..SYMBOLS).for_each(|_| file.write_all(&symbol).expect("a write"));
            file.flush().expect("a write");
            let link = |n| {
                let name = dir.join(format!("slow-{n}"));
                fs::hard_link(&path, &name).expect("another name");
                name
            };
            (0..names).map(link).collect()
        }

        const MAPS: &str = "import mmap, sys\n\
            file = open(sys.argv[1], 'rb')\n\
            print('maps', flush=True)\n\
            code = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)";

        /// Files that take longer than a program is held come first, by programs that map each of
        /// them as code.
        #[test]
        fn behind_slow_files_every_program_is_captured_or_told_of() {
            let machine = Machine::alone();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let slow = slow_files(dir.path(), 40);
            let capture = Capture::start_within(&machine, &[]);
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let fetch = |_| {
                let (dir, _copy) = own_libssl();
                traced_curl(&nginx.cert(), &nginx.url("file"), |command| {
                    command.env("LD_LIBRARY_PATH", dir.path());
                })
            };
            // From then on, no other library of curl's is new: it would be held for each of them.
            fetch(0);
            let start = |path: &PathBuf| {
                let mut command = live::python();
                command.args(["-c", MAPS]).arg(path);
                Process::start(command)
            };
            let mappers: Vec<_> = slow.iter().map(start).collect();
            for mapper in &mappers {
                mapper.stdout_line("that it maps", |line| (line == "maps").then_some(()));
            }
            let traces: Vec<_> = (0..3).map(fetch).collect();
            mappers.into_iter().for_each(|mapper| drop(mapper.finish().success()));
            let outcome = capture.stop();
            let recording = &outcome.recording;
            let mut late = 0;
            for trace in &traces {
                assert!(!trace.sent.is_empty());
                match told(recording, trace.pid) {
                    Some(one) if one["reason"] == "too-long" => late += 1,
                    // On a busy machine, one that comes when the slow files are done.
                    Some(one) => assert_eq!(one["reason"], "late", "{one}"),
                    None => {
                        assert!(is_whole(recording, trace), "{}: {}", trace.pid, outcome.stderr)
                    }
                }
            }
            assert!(late > 0, "every program was hooked in time: {}", outcome.stderr);
        }

        /// The same with programs as they are: copies of node, which carries a TLS library.
        #[test]
        fn behind_large_programs_every_program_is_captured_or_told_of() {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let keys = dir.path().join("keys");
            let keys = keys.to_str().expect("a plain name");
            let capture = Capture::start_with(&["-m", "text,keylog", "-k", keys]);
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let start = |n| {
                let copy = dir.path().join(format!("node-{n}"));
                fs::copy("/usr/bin/node", &copy).expect("a copy of node");
                let mut command = Command::new(copy);
                command.args(["-e", "0"]);
                Process::start(command)
            };
            let nodes: Vec<_> = (0..6).map(start).collect();
            let fetch = |_| {
                let (dir, _copy) = own_libssl();
                traced_curl(&nginx.cert(), &nginx.url("file"), |command| {
                    command.env("LD_LIBRARY_PATH", dir.path());
                })
            };
            let traces: Vec<_> = (0..10).map(fetch).collect();
            nodes.into_iter().for_each(|node| drop(node.finish().success()));
            let outcome = capture.stop();
            for trace in &traces {
                let told = told(&outcome.recording, trace.pid).is_some();
                assert!(told || is_whole(&outcome.recording, trace), "{}", outcome.stderr);
            }
        }
    }
}
