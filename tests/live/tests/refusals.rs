//! Bad input, too few rights, no room: a sentence that says what to do, the exit code that the
//! documentation lists, and nothing half written.

mod live {
    mod root {
        use std::{
            fs,
            os::unix::fs::PermissionsExt,
            path::{Path, PathBuf},
            process::Command,
        };

        use live::{Cert, Finished, Process, Tlsdrive, ecapture_binary};
        use tempfile::TempDir;

        /// As docs/exit-codes.md has it.
        const FAILED: i32 = 1;

        const LIBSSL: &str = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

        /// Where a case keeps its files, and the output that it must not write.
        struct Case {
            dir: TempDir,
        }

        impl Case {
            fn new() -> Self {
                Self { dir: tempfile::tempdir().expect("a temporary directory") }
            }

            fn file(&self, name: &str, content: &[u8]) -> PathBuf {
                let path = self.dir.path().join(name);
                fs::write(&path, content).expect("a file");
                path
            }

            /// Runs `ecapture tls` with an output and `args`, which must be refused with a sentence
            /// that names `culprit`.
            #[track_caller]
            fn refused(&self, args: &[&str], culprit: &str) -> String {
                let output = self.dir.path().join("output");
                let mut command = Command::new(ecapture_binary());
                command
                    .args(["tls", "--raw", "--format", "json", "--output"])
                    .arg(&output)
                    .args(args);
                let ended = Process::start(command).finish();
                let written = fs::read(&output).unwrap_or_default();
                assert!(written.is_empty(), "{} bytes were written", written.len());
                is_a_refusal(&ended, culprit)
            }

            #[track_caller]
            fn refuses_library(&self, path: &Path) -> String {
                let path = path.to_str().expect("a plain name");
                self.refused(&["--libssl", path], path)
            }
        }

        /// Checks code and wording; answers what was said.
        #[track_caller]
        fn is_a_refusal(ended: &Finished, culprit: &str) -> String {
            let said = ended.stderr_text();
            assert_eq!(ended.status.code(), Some(FAILED), "{said}");
            assert!(ended.stdout.is_empty(), "{}", ended.stdout_text());
            assert!(said.contains(culprit), "does not name {culprit}: {said}");
            assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
            said
        }

        #[test]
        fn a_pid_that_does_not_exist() {
            // Above any pid_max.
            let said = Case::new().refused(&["--pid", "4194305"], "4194305");
            assert!(said.contains("no such process"), "{said}");
        }

        #[test]
        fn a_library_that_is_missing() {
            let case = Case::new();
            case.refuses_library(&case.dir.path().join("libssl.so.9"));
        }

        #[test]
        fn a_library_that_is_empty_a_text_or_a_directory() {
            let case = Case::new();
            case.refuses_library(&case.file("empty.so", b""));
            case.refuses_library(&case.file("text.so", b"#!/bin/sh\necho I am no library\n"));
            case.refuses_library(case.dir.path());
        }

        #[test]
        fn a_library_that_is_truncated_anywhere() {
            let case = Case::new();
            let whole = fs::read(LIBSSL).expect("libssl");
            for keep in [4, 16, 63, 64, 100, 4096, whole.len() / 2] {
                case.refuses_library(&case.file("cut.so", &whole[..keep]));
            }
        }

        #[test]
        fn a_library_of_32_bits() {
            let case = Case::new();
            let source = case.file("ssl.c", b"int SSL_read(void *s, void *b, int n) { return n; }");
            let library = case.dir.path().join("libssl32.so");
            let mut cc = Command::new("cc");
            cc.args(["-m32", "-shared", "-nostdlib", "-fno-pic", "-o"]).arg(&library).arg(&source);
            Process::start(cc).finish().success();
            let said = case.refuses_library(&library);
            assert!(said.contains("32"), "{said}");
        }

        #[test]
        fn a_library_without_the_functions() {
            Case::new().refuses_library(Path::new("/usr/lib/x86_64-linux-gnu/libcrypto.so.3"));
        }

        #[test]
        fn an_output_that_cannot_be_written() {
            let case = Case::new();
            let missing = case.dir.path().join("missing/output");
            for path in [missing.as_path(), case.dir.path()] {
                let path = path.to_str().expect("a plain name");
                let ended = Process::run(
                    ecapture_binary().to_str().expect("a plain name"),
                    ["tls", "--output", path],
                );
                is_a_refusal(&ended, path);
            }
        }

        #[test]
        fn no_privileges() {
            let case = Case::new();
            let open = |path: &Path| {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
            };
            let program = case.dir.path().join("ecapture");
            fs::copy(ecapture_binary(), &program).expect("a copy");
            open(&program);
            open(case.dir.path());
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            command.arg(&program).arg("tls");
            let said = is_a_refusal(&Process::start(command).finish(), "root");
            assert!(said.contains("sudo") || said.contains("CAP_BPF"), "{said}");
        }

        /// Runs `script`, in which ecapture meets an output without room, and feeds it traffic until
        /// it gives up.
        #[track_caller]
        fn without_room(script: &str, dir: &Path) -> Finished {
            let _machine = live::Machine::shared();
            let cert = Cert::new();
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-uc", script]);
            command.arg(dir).arg(ecapture_binary());
            let process = Process::start(command);
            process.stderr_line("that it is ready", |line| line.contains("ready").then_some(()));
            let until = std::time::Instant::now() + live::deadline();
            while !process.has_ended() {
                assert!(std::time::Instant::now() < until, "a full disk does not end the run");
                Tlsdrive::new(&cert, "plain", "n=100 bytes=5000").run();
            }
            process.finish()
        }

        #[test]
        fn a_full_disk() {
            let case = Case::new();
            let script = r#"
                mount -t tmpfs -o size=2m none "$0" || exit 9
                "$1" tls --format json --output "$0/output"
                code=$?
                cat "$0/output"
                exit $code
            "#;
            let mut ended = without_room(script, case.dir.path());
            let written = std::mem::take(&mut ended.stdout);
            let said = is_a_refusal(&ended, "output");
            assert!(said.contains("no space"), "{said}");
            assert_eq!(written.last(), Some(&b'\n'), "the output ends within a line");
            for line in written[..written.len() - 1].split(|&b| b == b'\n') {
                serde_json::from_slice::<live::Event>(line).expect("a whole line");
            }
        }

        #[test]
        fn standard_output_without_room() {
            let case = Case::new();
            let script = r#"exec "$1" tls --format json >/dev/full"#;
            is_a_refusal(&without_room(script, case.dir.path()), "standard output");
        }

        #[test]
        fn usage_errors_have_a_code_of_their_own() {
            for args in [&["tls", "--no-such-flag"][..], &["tls", "--pid", "many"], &["no-such"]] {
                let program = ecapture_binary();
                let ended = Process::run(program.to_str().expect("a plain name"), args);
                assert_eq!(ended.status.code(), Some(2), "{args:?}: {}", ended.stderr_text());
            }
        }
    }
}
