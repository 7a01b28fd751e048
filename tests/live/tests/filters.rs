//! What is asked for is shown, and nothing else is even touched.

mod live {
    mod root {
        use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

        use live::{
            Addresses, Capture, Cert, Machine, Tlsdrive, Victim, altered_bytes, assert_shown,
        };

        const LIBSSL: &str = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

        /// Three victims, of which two are asked for: only these have breakpoints, and only these
        /// are shown. Their children, the servers, were not asked for.
        #[test]
        fn pids_narrow_the_breakpoints_themselves() {
            let cert = Cert::new();
            let machine = Machine::alone();
            let mut victims = [(); 3].map(|()| {
                let victim = Tlsdrive::new(&cert, "plain", "gate=start,end n=2").start();
                victim.at_gate("start");
                victim
            });
            let pids = victims.each_ref().map(Victim::pid);
            let [one, other] = [pids[0], pids[1]].map(|pid| pid.to_string());
            let capture = Capture::start_within(&machine, &["--pid", &one, "-p", &other]);
            let altered = pids.map(|pid| altered_bytes(pid, LIBSSL).len());
            assert!(altered[0] > 0 && altered[1] > 0, "no probes stand: {altered:?}");
            assert_eq!(altered[2], 0, "a process that nobody asked for has breakpoints");
            for victim in &mut victims {
                victim.pass();
                victim.at_gate("end");
                victim.pass();
            }
            let [first, second, _] = victims.map(Victim::finish);
            let recording = capture.stop().recording;
            let mut asked = first.moved;
            asked.extend(second.moved);
            asked.retain(|m| m.role == "client");
            assert_shown(&recording, &asked, Addresses::Known);
            assert!(recording.all().all(|conn| pids[..2].contains(&conn.pid)));
        }

        #[test]
        fn a_pid_that_ends_is_reported() {
            let cert = Cert::new();
            let mut victim = Tlsdrive::new(&cert, "plain", "gate=start").start();
            victim.at_gate("start");
            let pid = victim.pid().to_string();
            let capture = Capture::start_with(&["--pid", &pid]);
            victim.pass();
            let told = victim.finish();
            capture.await_log("that the process ended", |line| {
                (line.contains(&pid) && line.contains("ended")).then_some(())
            });
            let client: Vec<_> = told.moved.into_iter().filter(|m| m.role == "client").collect();
            assert_shown(&capture.stop().recording, &client, Addresses::Known);
        }

        /// A copy of tlsdrive, and of what it reads, that any user can use.
        fn for_everyone(dir: &Path, cert: &Cert, name: &str, drive: &Tlsdrive) -> Command {
            let copy = |from: &Path, name: &str| {
                let to = dir.join(name);
                fs::copy(from, &to).expect("a copy");
                fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).expect("permissions");
                to
            };
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("permissions");
            let (pem, key) = (copy(&cert.pem(), "cert.pem"), copy(&cert.key(), "key.pem"));
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            command.arg(copy(&drive.program(), name)).args(["plain", "n=2"]);
            command.arg(format!("cert={}", pem.display())).arg(format!("key={}", key.display()));
            command
        }

        #[test]
        fn a_uid() {
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let capture = Capture::start_with(&["--uid", "65534"]);
            let others = drive.run();
            let told = Victim::start(for_everyone(dir.path(), &cert, "tlsdrive", &drive)).finish();
            let nobody = capture.await_event("the user", |event| {
                (event.pid == Some(told.pid)).then_some(event.uid)
            });
            assert_eq!(nobody, Some(65534));
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::Known);
            assert!(recording.of_pid(others.pid).is_empty());
        }

        #[test]
        fn a_comm() {
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let capture = Capture::start_with(&["--comm", "tlsother"]);
            let others = drive.run();
            let told = Victim::start(for_everyone(dir.path(), &cert, "tlsother", &drive)).finish();
            let recording = capture.stop().recording;
            assert_shown(&recording, &told.moved, Addresses::Known);
            assert!(recording.of_pid(others.pid).is_empty());
            assert!(recording.all().all(|conn| conn.comm == "tlsother"));
        }

        #[test]
        fn a_cap_leaves_gaps_and_says_so() {
            let cert = Cert::new();
            let capture = Capture::start_with(&["--tsize", "1000"]);
            let told = Tlsdrive::new(&cert, "sizes", "sizes=999,1000,1001,5000").run();
            let recording = capture.stop().recording;
            let client = recording.of_pid(told.pid)[0];
            assert_eq!((client.write.end, client.read.end), (8000, 8000));
            let gaps: Vec<_> =
                client.write.gaps.iter().map(|gap| (gap.pos, gap.len, &*gap.reason)).collect();
            let reason = gaps[0].2;
            assert_eq!(gaps, [(2999, 1, reason), (4000, 4000, reason)]);
            assert!(reason.contains("cap"), "{reason}");
            assert_eq!(client.read.missing(), 4001);
        }
    }
}
