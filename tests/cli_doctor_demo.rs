//! `ecapture doctor` and `ecapture demo` as a user sees them: what they print and how they end.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ECAPTURE: &str = env!("CARGO_BIN_EXE_ecapture");

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Standard output, if the exit code was this one.
fn told(output: &Output, code: i32) -> &str {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn complained(output: &Output, code: i32) -> &str {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    std::str::from_utf8(&output.stderr).unwrap()
}

fn release() -> String {
    let name = rustix::system::uname();
    name.release().to_str().unwrap().to_owned()
}

/// Every line of a report is a title, empty, marked, or more about the one before.
fn assert_marked(text: &str) {
    let marked = |line: &str| {
        ["  ok    ", "  no    ", "  note  ", "          "].iter().any(|mark| line.starts_with(mark))
    };
    for line in text.lines().filter(|line| line.starts_with(' ')) {
        assert!(marked(line), "no mark: {line:?}");
    }
}

#[test]
fn doctor_reports_to_anyone_and_its_exit_code_is_its_last_line() {
    let output = run(Command::new(ECAPTURE).arg("doctor"));
    let text = told(&output, output.status.code().unwrap());
    assert_marked(text);
    assert!(text.contains(&release()) && text.contains("BTF"), "{text}");
    assert!(!text.contains('\x1b'), "colour without a terminal: {text:?}");
    let last = text.lines().last().unwrap();
    let wanted = if output.status.success() { "  ok    " } else { "  no    " };
    assert!(last.starts_with(wanted), "{last}");
    assert!(matches!(output.status.code(), Some(0 | 1)));
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is_one() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut gone = Command::new(ECAPTURE);
    let gone = gone.arg("doctor").stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let gone = gone.wait_with_output().unwrap();
    assert!(gone.stderr.is_empty(), "{gone:?}");

    let mut full = Command::new(ECAPTURE);
    let full = full.arg("doctor").stdout(fs::File::create("/dev/full").unwrap());
    let full = full.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(complained(&full, 1).contains("standard output"), "{full:?}");
}

mod live {
    use super::*;

    mod root {
        use super::*;

        /// A folder that everyone may enter, with a copy of ecapture that everyone may run.
        fn open_folder() -> (TempDir, PathBuf) {
            let dir = tempfile::tempdir().unwrap();
            fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
            let binary = dir.path().join("ecapture");
            fs::copy(ECAPTURE, &binary).unwrap();
            fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
            (dir, binary)
        }

        fn nobody(program: &Path) -> Command {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        }

        mod doctor {
            use std::io::{BufRead, BufReader};
            use std::process::Child;

            use super::*;

            /// A python that has the files mapped as code, until its standard input ends.
            fn holder(mut command: Command, how: &str, files: &[&Path]) -> Child {
                let script = format!(
                    "import ctypes, mmap, sys\n\
                     def load(path): return ctypes.CDLL(path)\n\
                     def map(path):\n\
                     \x20   with open(path, 'rb') as file:\n\
                     \x20       return mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, \
                     mmap.PROT_READ | mmap.PROT_EXEC)\n\
                     held = [{how}(path) for path in sys.argv[1:]]\n\
                     print('held', flush=True)\n\
                     sys.stdin.read()"
                );
                command.arg("-c").arg(script).args(files);
                let mut child =
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
                assert_eq!(line, "held\n");
                child
            }

            fn release(mut child: Child) {
                drop(child.stdin.take());
                assert!(child.wait().unwrap().success());
            }

            fn system_library(name: &str) -> PathBuf {
                let arch = std::env::consts::ARCH;
                PathBuf::from(format!("/usr/lib/{arch}-linux-gnu/{name}"))
            }

            /// What is said about a file: its line and those below.
            fn about(text: &str, path: &Path) -> String {
                let named = |line: &&str| line.ends_with(path.to_str().unwrap());
                let mut lines = text.lines().skip_while(|line| !named(line));
                let first = lines.next().unwrap_or_else(|| panic!("{path:?} is not in {text}"));
                let below = lines.take_while(|line| line.starts_with("          "));
                [first].into_iter().chain(below).collect::<Vec<_>>().join("\n")
            }

            #[test]
            fn what_it_needs_is_here_and_was_tried() {
                let output = run(Command::new(ECAPTURE).arg("doctor"));
                let text = told(&output, 0);
                for tried in ["loading programs: uprobe", "placing a probe", "watching new"] {
                    let line = text.lines().find(|line| line.contains(tried)).unwrap();
                    assert!(line.starts_with("  ok    "), "{line}");
                }
            }

            #[test]
            fn each_library_in_use_is_named_with_its_users_and_what_would_be_done() {
                let (dir, _) = open_folder();
                let openssl = dir.path().join("libssl.so.3");
                fs::copy(system_library("libssl.so.3"), &openssl).unwrap();
                let gnutls = dir.path().join("libother.so");
                fs::copy(system_library("libgnutls.so.30"), &gnutls).unwrap();
                let narrow = dir.path().join("libssl.so.1.32-bit");
                let mut bytes = fs::read(&openssl).unwrap();
                bytes[4] = 1; // EI_CLASS: ELFCLASS32
                fs::write(&narrow, bytes).unwrap();

                let python = || Command::new("/usr/bin/python3");
                let loaded = holder(python(), "load", &[&openssl, &gnutls]);
                let mapped = holder(python(), "map", &[&narrow, &openssl]);
                let output = run(Command::new(ECAPTURE).arg("doctor"));
                let text = told(&output, 0);
                let mut pids = [loaded.id(), mapped.id()];
                pids.sort_unstable();
                let both = format!("used by python3[{} {}]", pids[0], pids[1]);
                let first = format!("used by python3[{}]", loaded.id());
                let second = format!("used by python3[{}]", mapped.id());
                release(loaded);
                release(mapped);

                assert_marked(text);
                let said = about(text, &openssl);
                assert!(said.starts_with("  ok    ") && said.contains(&both), "{said}");
                assert!(said.contains("SSL_read_ex") && said.contains("SSL_write "), "{said}");
                assert!(said.contains("keys would be read at:"), "{said}");
                assert!(said.contains("log function at 0x"), "{said}");
                assert!(said.contains(", client_random at "), "{said}");
                let said = about(text, &gnutls);
                assert!(said.starts_with("  ok    ") && said.contains(&first), "{said}");
                assert!(said.contains("gnutls_record_uncork (site: "), "{said}");
                assert!(said.contains("log function at 0x"), "{said}");
                let said = about(text, &narrow);
                assert!(said.starts_with("  no    ") && said.contains(&second), "{said}");
                assert!(said.contains("not hooked: a 32-bit file"), "{said}");
                assert!(said.contains("no keys: "), "{said}");
            }

            #[test]
            fn without_rights_it_reports_what_it_can_and_says_what_to_do() {
                let (dir, binary) = open_folder();
                let library = dir.path().join("libssl.so.3");
                fs::copy(system_library("libssl.so.3"), &library).unwrap();
                let own = holder(nobody(Path::new("/usr/bin/python3")), "load", &[&library]);
                let output = run(nobody(&binary).arg("doctor"));
                let text = told(&output, 1);
                release(own);

                assert_marked(text);
                assert!(text.contains(&super::super::super::release()), "{text}");
                assert!(text.contains("  ok    BTF"), "{text}");
                assert!(about(text, &library).contains("would be hooked:"), "{text}");
                assert!(text.contains("processes that may not be looked at: "), "{text}");
                let last = text.lines().last().unwrap();
                assert!(last.starts_with("  no    ") && last.contains("run it as root"), "{last}");
                assert!(output.stderr.is_empty(), "{output:?}");
            }

            #[test]
            fn without_btf_it_refuses_and_names_it() {
                let hidden = "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" doctor";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", hidden, ECAPTURE]);
                let output = run(&mut command);
                let text = told(&output, 1);
                assert_marked(text);
                assert!(text.contains("  no    BTF"), "{text}");
                let last = text.lines().last().unwrap();
                assert!(last.contains("CONFIG_DEBUG_INFO_BTF=y"), "{last}");
            }
        }

        mod demo {
            use std::fs::OpenOptions;

            use rustix::event::{PollFd, PollFlags, poll};
            use rustix::process::{Pid, Signal, kill_process};

            use super::*;

            #[test]
            fn proves_that_what_is_captured_is_what_was_sent() {
                let temp = tempfile::tempdir().unwrap();
                let output = run(Command::new(ECAPTURE).arg("demo").env("TMPDIR", temp.path()));
                let text = told(&output, 0);
                assert!(output.stderr.is_empty(), "{output:?}");
                assert!(
                    text.contains("    GET /stations/") && text.contains("    HTTP/1.1 200 OK")
                );
                for stream in ["client wrote", "server read", "server wrote", "client read"] {
                    let line = text.lines().find(|line| line.contains(stream)).unwrap();
                    assert!(line.starts_with("  ok    ") && line.contains("equal, "), "{line}");
                }
                assert!(!text.contains("  no    "), "{text}");
                // What it says that it proved is so.
                let linked = run(Command::new("ldd").arg("/usr/bin/openssl"));
                let linked = String::from_utf8(linked.stdout).unwrap();
                let library = linked.split_whitespace().find(|word| word.contains("/libssl"));
                let library = fs::canonicalize(library.unwrap()).unwrap();
                let line = text.lines().find(|line| line.contains("  library  ")).unwrap();
                assert!(line.ends_with(library.to_str().unwrap()), "{line}");
                assert!(text.contains(&release()), "{text}");
                let probes = text.lines().find(|line| line.contains("  probes  ")).unwrap();
                assert!(
                    probes.contains(" SSL_read ") && probes.contains(" SSL_write "),
                    "{probes}"
                );
                assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
            }

            /// The real openssl program behind a script, which runs for one of its commands once
            /// the capture stands.
            struct Rigged {
                dir: TempDir,
            }

            impl Rigged {
                fn new(body: &str) -> Self {
                    let dir = tempfile::tempdir().unwrap();
                    fs::create_dir(dir.path().join("bin")).unwrap();
                    fs::create_dir(dir.path().join("tmp")).unwrap();
                    let here = dir.path().display();
                    let script = format!(
                        "#!/bin/bash\nhere={here}\n\
                         if [ \"$1\" = s_client ] && [ -e capture.json ]; then\n{body}\nfi\n\
                         exec /usr/bin/openssl \"$@\"\n"
                    );
                    let path = dir.path().join("bin/openssl");
                    fs::write(&path, script).unwrap();
                    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
                    Self { dir }
                }

                fn demo(&self) -> Command {
                    let mut command = Command::new(ECAPTURE);
                    let bin = self.dir.path().join("bin");
                    command.arg("demo").env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
                    command.env("TMPDIR", self.dir.path().join("tmp")).stdin(Stdio::null());
                    command
                }

                fn assert_nothing_left(&self) {
                    assert_eq!(fs::read_dir(self.dir.path().join("tmp")).unwrap().count(), 0);
                }
            }

            #[test]
            fn fails_and_names_it_when_something_else_is_sent() {
                let rigged = Rigged::new("exec < <(sed -u s/GET/PUT/)");
                let output = run(&mut rigged.demo());
                let text = told(&output, 1);
                for claim in ["client wrote", "printed is what was sent"] {
                    let line = text.lines().find(|line| line.contains(claim)).unwrap();
                    assert!(line.starts_with("  no    ") && line.contains("DIFFERENT"), "{line}");
                }
                assert!(text.contains("part at byte 0"), "{text}");
                // The server's side is as it was: what it read is what it printed.
                let server = text.lines().find(|line| line.contains("server read")).unwrap();
                assert!(server.starts_with("  ok    "), "{server}");
                assert!(complained(&output, 1).contains("client wrote (request), printed is"));
                rigged.assert_nothing_left();
            }

            #[test]
            fn a_client_that_fails_is_quoted() {
                let rigged = Rigged::new("set -- \"$@\" -no-such-option");
                let output = run(&mut rigged.demo());
                let said = complained(&output, 1);
                assert!(said.contains("no-such-option") && said.contains("s_client"), "{said}");
                rigged.assert_nothing_left();
            }

            #[test]
            fn a_signal_ends_it_and_everything_it_started() {
                let rigged = Rigged::new("echo here > $here/reached\nexec cat $here/never");
                for fifo in ["reached", "never"] {
                    let made = Command::new("mkfifo").arg(rigged.dir.path().join(fifo)).status();
                    assert!(made.unwrap().success());
                }
                let demo = rigged.demo().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
                let demo = demo.unwrap();
                // Open at both ends, or it would end before the script opened it.
                let fifo = rigged.dir.path().join("reached");
                let fifo = OpenOptions::new().read(true).write(true).open(fifo).unwrap();
                let ended = demo.stdout.as_ref().unwrap();
                let mut events =
                    [PollFd::new(&fifo, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
                poll(&mut events, None).unwrap();
                assert!(events[1].revents().is_empty(), "{:?}", demo.wait_with_output());
                let children = run(Command::new("pgrep").args(["-P", &demo.id().to_string()]));
                let children = String::from_utf8(children.stdout).unwrap();
                let children: Vec<&str> = children.lines().collect();
                assert_eq!(children.len(), 3, "server, capture and client: {children:?}");

                kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
                let output = demo.wait_with_output().unwrap();
                assert!(complained(&output, 1).contains("interrupted"), "{output:?}");
                for child in children {
                    assert!(!Path::new("/proc").join(child).exists(), "{child} is still there");
                }
                rigged.assert_nothing_left();
            }

            #[test]
            fn without_openssl_it_says_what_to_install() {
                let empty = tempfile::tempdir().unwrap();
                let output = run(Command::new(ECAPTURE).arg("demo").env("PATH", empty.path()));
                assert!(complained(&output, 1).contains("apt-get install openssl"), "{output:?}");
                assert!(output.stdout.is_empty());
            }

            #[test]
            fn without_rights_it_says_what_to_do() {
                let (_dir, binary) = open_folder();
                let output = run(nobody(&binary).arg("demo"));
                assert!(complained(&output, 1).contains("sudo ecapture demo"), "{output:?}");
                assert!(output.stdout.is_empty());
            }
        }
    }
}
