//! Libraries and processes that ecapture has never seen, in places that it cannot see by path.

mod live {
    mod root {
        use std::{
            fs,
            path::{Path, PathBuf},
            process::Command,
        };

        use live::{
            Addresses, Capture, Cert, Nginx, OpenSsl, Recording, Tlsdrive, Told, Victim,
            assert_shown, traced_curl,
        };

        const LIBSSL: &str = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

        fn copy_into(dir: &Path) -> PathBuf {
            let copy = dir.join("libssl.so.3");
            fs::copy(LIBSSL, &copy).expect("a copy of libssl");
            copy
        }

        #[track_caller]
        fn assert_lib(recording: &Recording, told: &Told, lib: &Path) {
            for m in &told.moved {
                let conn = recording.of_pid(m.pid)[0];
                assert_eq!(Path::new(&conn.lib), lib);
            }
        }

        /// Starts what `each` starts ten times with a copy of libssl of its own.
        fn ten_copies<T>(each: impl Fn(&Path) -> T) -> Vec<(T, PathBuf)> {
            let one = |_| {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let copy = copy_into(dir.path());
                (each(dir.path()), copy)
            };
            (0..10).map(one).collect()
        }

        #[test]
        fn a_new_copy_of_libssl_in_curl_is_captured_from_its_first_request() {
            let capture = Capture::start();
            let nginx = Nginx::start(1, &[("file", b"what the file says\n")]);
            let traces = ten_copies(|dir| {
                traced_curl(&nginx.cert(), &nginx.url("file"), |command| {
                    command.env("LD_LIBRARY_PATH", dir);
                })
            });
            let recording = capture.stop().recording;
            for (trace, copy) in traces {
                let conns = recording.of_pid(trace.pid);
                assert_eq!(conns.len(), 1, "curl with {}", copy.display());
                assert_eq!(conns[0].write.bytes, trace.sent);
                assert_eq!(conns[0].read.bytes, trace.received);
                assert_eq!(Path::new(&conns[0].lib), copy);
            }
        }

        /// The same with a program that sends its first byte 10 ms after it was started.
        #[test]
        fn a_new_copy_of_libssl_in_a_quick_program() {
            let cert = Cert::new();
            let capture = Capture::start();
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let runs = ten_copies(|dir| {
                let mut command = drive.command();
                command.env("LD_LIBRARY_PATH", dir);
                Victim::start(command).finish()
            });
            let recording = capture.stop().recording;
            for (told, copy) in &runs {
                assert_shown(&recording, &told.moved, Addresses::Known);
                assert_lib(&recording, told, copy);
            }
        }

        #[test]
        fn a_new_executable_that_carries_openssl_is_captured_from_its_first_request() {
            let cert = Cert::new();
            let drive = Tlsdrive::new(&cert, "plain", "n=2").with(OpenSsl::V36Exported);
            let program = drive.program();
            let capture = Capture::start();
            let runs: Vec<Told> = (0..10)
                .map(|_| {
                    let dir = tempfile::tempdir().expect("a temporary directory");
                    let copy = dir.path().join("tlsdrive");
                    fs::copy(&program, &copy).expect("a copy of the program");
                    let mut command = Command::new(&copy);
                    command.args(drive.args());
                    Victim::start(command).finish()
                })
                .collect();
            let recording = capture.stop().recording;
            for told in &runs {
                assert_shown(&recording, &told.moved, Addresses::Known);
            }
        }

        /// Runs `script` in a mount namespace of its own; `$0` is a directory for it, the rest
        /// tlsdrive and its arguments.
        fn apart(dir: &Path, script: &str, drive: &Tlsdrive) -> Told {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-euc", script]).arg(dir);
            command.arg(drive.program()).args(drive.args());
            Victim::start(command).finish()
        }

        /// The path leads to a text file for everyone but the victim.
        #[test]
        fn a_copy_of_libssl_in_another_mount_namespace() {
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            fs::write(dir.path().join("libssl.so.3"), "no library").expect("a decoy");
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let capture = Capture::start();
            let script = format!(
                r#"mount -t tmpfs none "$0"; cp {LIBSSL} "$0"; LD_LIBRARY_PATH="$0" exec "$@""#
            );
            let runs: Vec<Told> = (0..10).map(|_| apart(dir.path(), &script, &drive)).collect();
            let recording = capture.stop().recording;
            for told in &runs {
                assert_shown(&recording, &told.moved, Addresses::Known);
                assert_lib(&recording, told, &dir.path().join("libssl.so.3"));
            }
        }

        /// As containers have it: what is mapped is a file below or one copied up, and never the
        /// one that the path shows.
        #[test]
        fn a_chroot_on_an_overlay() {
            let cert = Cert::new();
            let dir = tempfile::tempdir().expect("a temporary directory");
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let capture = Capture::start();
            let runs = ["libcrypto.so.3", "libssl.so.3"].map(|copied_up| {
                let script = format!(
                    r#"
                    mount -t tmpfs none "$0"
                    mkdir "$0/upper" "$0/work" "$0/root"
                    mount -t overlay none "$0/root" \
                        -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work"
                    for each in tmp dev proc; do mount --rbind /$each "$0/root/$each"; done
                    touch "$0/root/usr/lib/x86_64-linux-gnu/{copied_up}"
                    exec chroot "$0/root" "$@"
                    "#
                );
                apart(dir.path(), &script, &drive)
            });
            let recording = capture.stop().recording;
            for told in &runs {
                assert_shown(&recording, &told.moved, Addresses::Known);
            }
        }

        #[test]
        fn a_connection_older_than_ecapture() {
            let cert = Cert::new();
            let mut victim = Tlsdrive::new(&cert, "plain", "n=3 gate=middle").start();
            victim.at_gate("middle");
            let capture = Capture::start();
            victim.pass();
            let mut told = victim.finish();
            // The first report of each end is of what had moved before.
            let later = told.moved.iter().filter(|m| m.read.len == 2000).cloned().collect();
            told.moved = later;
            assert_eq!(told.moved.len(), 2);
            assert_shown(&capture.stop().recording, &told.moved, Addresses::Known);
        }

        #[test]
        fn a_library_named_by_hand() {
            let cert = Cert::new();
            let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
            let copies = dirs.each_ref().map(|dir| copy_into(dir.path()));
            let names = copies.each_ref().map(|copy| copy.to_str().expect("a plain name"));
            let capture = Capture::start_with(&["--libssl", names[0], "--libssl", names[1]]);
            let drive = Tlsdrive::new(&cert, "plain", "n=2");
            let runs = dirs.each_ref().map(|dir| {
                let mut command = drive.command();
                command.env("LD_LIBRARY_PATH", dir.path());
                Victim::start(command).finish()
            });
            let recording = capture.stop().recording;
            for (told, copy) in runs.iter().zip(&copies) {
                assert_shown(&recording, &told.moved, Addresses::Known);
                assert_lib(&recording, told, copy);
            }
        }
    }
}
