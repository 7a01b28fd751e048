//! What people type: shells and other programs on terminals of their own.

mod live {
    mod root {
        use std::{fs, path::Path};

        use live::{Process, Typed, Typist, ecapture_binary, source_path};
        use serde_json::{Value, json};

        /// Text and status of each command.
        fn shown(lines: &[Value]) -> Vec<(String, Value)> {
            let text = |line: &Value| line["text"].as_str().expect("a text").to_owned();
            lines.iter().map(|line| (text(line), line["status"].clone())).collect()
        }

        fn one(text: &str, status: impl Into<Value>) -> (String, Value) {
            (text.to_owned(), status.into())
        }

        /// Types what both shells take, and answers what is to be shown of it.
        fn session(shell: &mut Typist) -> Vec<(String, Value)> {
            for line in [
                "true",
                "(exit 7)",
                "",
                "for i in 1 2; do",
                "echo $i",
                "done",
                "cat <<'END'",
                "  a document",
                "END",
                "echo first",
                "echo again !$",
                "!!",
                "bash -c 'echo within'",
                "no-such-command",
                "printf 'à la carte\\n' # ünïcödé",
            ] {
                shell.line(line);
            }
            vec![
                one("true", 0),
                one("(exit 7)", 7),
                one("for i in 1 2; do\necho $i\ndone", 0),
                one("cat <<'END'\n  a document\nEND", 0),
                one("echo first", 0),
                one("echo again first", 0),
                one("echo again first", 0),
                one("bash -c 'echo within'", 0),
                one("no-such-command", 127),
                one("printf 'à la carte\\n' # ünïcödé", 0),
            ]
        }

        #[track_caller]
        fn assert_session(command: &str, mut shell: Typist) {
            let typed = Typed::start(command, &[]);
            let mut expected = session(&mut shell);
            typed.command(shell.pid(), "no-such-command");
            shell.paste("echo pasted\nfalse");
            expected.push(one("echo pasted\nfalse", 1));
            typed.command(shell.pid(), "echo pasted\nfalse");
            shell.line("exit 3");
            expected.push(one("exit 3", 3));
            let (pid, ppid) = (shell.pid(), shell.ppid());
            assert_eq!(shell.finish().status.code(), Some(3));
            typed.command(pid, "exit 3");
            let (lines, summary) = typed.stop(pid);
            assert_eq!(shown(&lines), expected);
            for line in &lines {
                assert_eq!(line["type"], "command");
                assert_eq!((&line["ppid"], &line["uid"]), (&json!(ppid), &json!(0)));
                assert_eq!((&line["user"], &line["comm"]), (&json!("root"), &json!(command)));
                assert!(line["tty"].as_str().is_some_and(|tty| tty.starts_with("pts/")), "{line}");
                assert_eq!((&line["missing"], &line["data"]), (&Value::Null, &Value::Null));
                assert!(line["ns"].as_u64().is_some(), "{line}");
            }
            assert_eq!((&summary["lost_events"], &summary["incomplete"]), (&json!(0), &json!(0)));
        }

        /// The shell waits at its prompt when the capture begins: its first line is seen, too.
        #[test]
        fn everything_that_is_typed_in_a_running_bash() {
            assert_session("bash", Typist::bash());
        }

        #[test]
        fn everything_that_is_typed_in_a_running_zsh() {
            assert_session("zsh", Typist::zsh());
        }

        #[track_caller]
        fn assert_long(command: &str, start: fn() -> Typist) {
            let typed = Typed::start(command, &[]);
            let mut shell = start();
            let keyed = format!(": {}", "k".repeat(5000));
            shell.line(&keyed);
            let line = typed.command(shell.pid(), &keyed);
            assert_eq!(line["status"], 0);
            // As many lines as characters fit, so that no two pieces are alike.
            let words: Vec<String> = (0..14_000).map(|n| format!("{n:06}")).collect();
            let pasted = format!(": {}", words.join(" "));
            assert!(pasted.len() > 90_000);
            shell.paste(&pasted);
            let line = typed.command(shell.pid(), &pasted);
            assert_eq!((&line["status"], &line["missing"]), (&json!(0), &Value::Null));
            typed.stop(shell.pid());
        }

        #[test]
        fn long_lines_in_bash_are_whole() {
            assert_long("bash", Typist::bash);
        }

        #[test]
        fn long_lines_in_zsh_are_whole() {
            assert_long("zsh", Typist::zsh);
        }

        #[test]
        fn what_a_command_reads_is_no_command() {
            let typed = Typed::start("bash", &[]);
            let mut shell = Typist::bash();
            shell.line("set +H; read -e -p 'na''me? ' x");
            shell.shows("name? ");
            shell.line("my secret");
            shell.line("echo !done");
            typed.command(shell.pid(), "echo !done");
            let (lines, _) = typed.stop(shell.pid());
            let expected = [one("set +H; read -e -p 'na''me? ' x", 0), one("echo !done", 0)];
            assert_eq!(shown(&lines), expected);
        }

        #[test]
        fn what_vared_reads_is_no_command() {
            let typed = Typed::start("zsh", &[]);
            let mut shell = Typist::zsh();
            shell.line("x=; vared -p 'na''me? ' x");
            shell.shows("name? ");
            shell.line("my secret");
            shell.line("false # done");
            typed.command(shell.pid(), "false # done");
            let (lines, _) = typed.stop(shell.pid());
            // A comment is none to an interactive zsh, so `false` has arguments.
            assert_eq!(
                shown(&lines),
                [one("x=; vared -p 'na''me? ' x", 0), one("false # done", 1)]
            );
        }

        #[test]
        fn a_shell_that_is_replaced_and_one_that_is_killed() {
            let typed = Typed::start("bash", &[]);
            let (mut replaced, mut killed) = (Typist::bash(), Typist::bash());
            replaced.line("exec true");
            let line = typed.command(replaced.pid(), "exec true");
            assert_eq!((&line["status"], &line["ns"]), (&Value::Null, &Value::Null));
            killed.line("kill -9 $$");
            let line = typed.command(killed.pid(), "kill -9 $$");
            assert_eq!(line["status"], 137);
        }

        /// What runs when the capture ends is shown, without a status.
        #[test]
        fn a_command_that_still_runs() {
            let typed = Typed::start("bash", &[]);
            let mut shell = Typist::bash();
            shell.line("echo run''ning; read");
            shell.shows("running");
            let (lines, _) = typed.stop(shell.pid());
            assert_eq!(shown(&lines), [one("echo run''ning; read", Value::Null)]);
            assert_eq!(lines[0]["ns"], Value::Null);
        }

        #[test]
        fn a_file_that_is_no_shell_is_refused() {
            let args = ["bash", "--bash", "/bin/true"];
            let refused = Process::run(&ecapture_binary().to_string_lossy(), args);
            assert_eq!(refused.status.code(), Some(1));
            let said = "ecapture: --bash /bin/true: defines none of the probed functions \
                (readline, pre_process_line, …); name a bash that exports its symbols";
            assert!(refused.stderr_text().starts_with(said), "{}", refused.stderr_text());
        }

        #[test]
        fn a_line_that_the_shell_refuses_has_no_status() {
            let typed = Typed::start("bash", &[]);
            let mut shell = Typist::bash();
            shell.line("!no-such-event");
            shell.line("set +o history");
            shell.line("false");
            typed.command(shell.pid(), "false");
            let (lines, _) = typed.stop(shell.pid());
            let expected =
                [one("!no-such-event", Value::Null), one("set +o history", 0), one("false", 1)];
            assert_eq!(shown(&lines), expected);
        }

        #[test]
        fn one_exit_status_alone() {
            let typed = Typed::start("bash", &["-e", "3"]);
            let mut shell = Typist::bash();
            shell.line("true");
            shell.line("(exit 3)");
            shell.line("false");
            shell.line("(exit 3) # again");
            typed.command(shell.pid(), "(exit 3) # again");
            let (lines, summary) = typed.stop(shell.pid());
            assert_eq!(shown(&lines), [one("(exit 3)", 3), one("(exit 3) # again", 3)]);
            assert!(summary["left_out"].as_u64() >= Some(2), "{summary}");
        }

        #[test]
        fn one_process_alone() {
            let (mut wanted, mut other) = (Typist::bash(), Typist::bash());
            let typed = Typed::start("bash", &["-p", &wanted.pid().to_string()]);
            other.line("echo other");
            other.line("PS1='do''ne> '");
            other.shows("done> ");
            wanted.line("echo wanted");
            typed.command(wanted.pid(), "echo wanted");
            let (lines, summary) = typed.stop(wanted.pid());
            assert_eq!(shown(&lines), [one("echo wanted", 0)]);
            assert_eq!((&summary["commands"], &summary["processes"]), (&json!(1), &json!(1)));
        }

        /// A bash of its own, with what it needs, below `dir`.
        fn furnish(dir: &Path) {
            fs::create_dir_all(dir.join("bin")).expect("a folder");
            fs::copy("/bin/bash", dir.join("bin/bash")).expect("a copy");
            let ldd = Process::run("ldd", ["/bin/bash"]).success().stdout_text();
            for library in ldd.split_whitespace().filter(|word| word.starts_with('/')) {
                let copy = dir.join(library.trim_start_matches('/'));
                fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
                fs::copy(library, copy).expect("a copy");
            }
        }

        /// Its file was never seen before, and no name leads to it.
        #[test]
        fn a_shell_in_a_chroot_is_seen_from_its_first_line() {
            let typed = Typed::start("bash", &[]);
            let dir = tempfile::tempdir().expect("a temporary directory");
            furnish(dir.path());
            let root = dir.path().to_str().expect("UTF-8");
            let args = [root, "/bin/bash", "--norc", "--noprofile", "-i"];
            let mut shell = Typist::start("chroot", args).at("prompt> ");
            shell.line("echo within");
            shell.line("false");
            typed.command(shell.pid(), "false");
            let (lines, _) = typed.stop(shell.pid());
            assert_eq!(shown(&lines), [one("echo within", 0), one("false", 1)]);
        }

        #[test]
        fn a_file_that_is_named_by_hand() {
            let dir = tempfile::tempdir().expect("a temporary directory");
            furnish(dir.path());
            let bash = dir.path().join("bin/bash");
            let bash = bash.to_str().expect("UTF-8");
            let typed = Typed::start("bash", &["--bash", bash]);
            let mut shell = Typist::start(bash, ["--norc", "--noprofile", "-i"]).at("prompt> ");
            shell.line("echo by hand");
            let line = typed.command(shell.pid(), "echo by hand");
            assert_eq!((&line["lib"], &line["exe"]), (&json!(bash), &json!(bash)));
        }

        /// python is called back by readline, sqlite3 waits for it.
        #[test]
        fn programs_that_read_lines_by_readline() {
            let typed = Typed::start("readline", &[]);
            let mut python = Typist::start("/usr/bin/python3", ["-q"]).at(">>> ");
            python.line("print('typed in python')");
            let line = typed.command(python.pid(), "print('typed in python')");
            assert_eq!((&line["status"], &line["ns"]), (&Value::Null, &Value::Null));
            let mut sqlite = Typist::start("sqlite3", ["-interactive"]).at("sqlite> ");
            sqlite.line("select 'typed in sqlite';");
            let line = typed.command(sqlite.pid(), "select 'typed in sqlite';");
            assert!(line["lib"].as_str().is_some_and(|lib| lib.contains("libreadline")), "{line}");
            sqlite.line(".quit");
            typed.command(sqlite.pid(), ".quit");
            let (lines, _) = typed.stop(sqlite.pid());
            assert_eq!(lines.len(), 2, "each line once: {lines:?}");
        }

        /// A program with bash's symbols, compiled into `dir`, whose readline is a library.
        fn bash_beside_readline(dir: &Path) -> String {
            let program = dir.join("bash").to_str().expect("UTF-8").to_owned();
            let source = source_path("tests/programs/bash_beside_readline.c");
            let source = source.to_str().expect("UTF-8");
            let flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-rdynamic"];
            let files = ["-o", &program, source, "-lreadline"];
            Process::run("cc", flags.into_iter().chain(files)).success();
            program
        }

        #[test]
        fn a_shell_with_readline_as_a_library() {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let program = bash_beside_readline(dir.path());
            let mut running = Typist::start(&program, [""; 0]).at("prompt> ");
            let typed = Typed::start("bash", &[]);
            let mut later = Typist::start(&program, [""; 0]).at("prompt> ");
            for shell in [&mut running, &mut later] {
                for line in ["exit 4", "false \\", "|| exit 5", "read", "nothing", "!!"] {
                    shell.line(line);
                }
                typed.command(shell.pid(), "true");
            }
            let (running, later) = (running.pid(), later.pid());
            let (lines, _) = typed.stop_for(&[running, later]);
            let expected =
                [one("exit 4", 4), one("false \\\n|| exit 5", 5), one("read", 5), one("true", 0)];
            for pid in [running, later] {
                let lines: Vec<Value> =
                    lines.iter().filter(|line| line["pid"] == pid).cloned().collect();
                assert_eq!(shown(&lines), expected);
            }
        }

        /// 1 MiB of a line is taken, and that there was more is said.
        #[test]
        fn a_line_beyond_the_bound_is_cut_there() {
            const TYPE: &str = "import readline, sys\n\
                readline.set_startup_hook(lambda: readline.insert_text('x' * 1200000))\n\
                sys.ps1 = ''\n\
                print(len(input('more? ')))";
            let typed = Typed::start("readline", &[]);
            let mut python = Typist::start("/usr/bin/python3", ["-c", TYPE]).at("more? ");
            python.line("");
            python.shows("1200000");
            let (lines, summary) = typed.stop(python.pid());
            let text = lines[0]["text"].as_str().expect("a text");
            assert_eq!((text.len(), &lines[0]["missing"]), (1_049_023, &json!("cut")));
            assert!(text.bytes().all(|byte| byte == b'x'));
            assert_eq!(summary["incomplete"], 1);
        }

        /// Other programs' lines are none of bash's.
        #[test]
        fn bash_alone_is_shown_as_bash() {
            let typed = Typed::start("bash", &[]);
            let mut sqlite = Typist::start("sqlite3", ["-interactive"]).at("sqlite> ");
            sqlite.line("select 1;");
            sqlite.line(".quit");
            let pid = sqlite.pid();
            sqlite.finish();
            let mut shell = Typist::bash();
            shell.line("echo last");
            typed.command(shell.pid(), "echo last");
            assert!(typed.stop(pid).0.is_empty());
        }
    }
}
