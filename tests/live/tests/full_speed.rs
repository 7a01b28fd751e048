//! nginx and wrk as fast as they can, and every byte accounted for.

mod live {
    mod root {
        use std::process::Command;

        use base64::{Engine, prelude::BASE64_STANDARD};
        use live::{Capture, Dir, Machine, Nginx, Process, Totals, source_path};

        /// A number that wrk's script printed.
        #[track_caller]
        fn told(stdout: &str, name: &str) -> u64 {
            let line = stdout.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.trim().parse().ok());
            number.unwrap_or_else(|| panic!("wrk never told {name}:\n{stdout}"))
        }

        /// Whether `text`, the base64 of what stands at `pos`, is a part of `request` over and over.
        fn repeats(request: &[u8], whole: &str, pos: u64, text: &str) -> bool {
            let at = (pos % request.len() as u64) as usize;
            if at == 0 && text == whole {
                return true;
            }
            let bytes = BASE64_STANDARD.decode(text).expect("base64");
            let mut expected = request.iter().cycle().skip(at);
            bytes.iter().all(|byte| Some(byte) == expected.next())
        }

        fn wrk(url: &str, seconds: u32) -> Command {
            let mut command = Command::new("wrk");
            command.args(["-t1", "-c50", &format!("-d{seconds}s"), "-s"]);
            command.arg(source_path("tests/programs/wrk_count.lua")).arg(url);
            command
        }

        /// Lets wrk load nginx, compares what each counted with what is shown, and answers the
        /// bytes in gaps.
        fn accounted(body: usize, seconds: u32, args: &[&str]) -> u64 {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &vec![b'x'; body])]);
            let worker = nginx.workers[0];
            let request =
                format!("GET /file HTTP/1.1\r\nHost: {}\r\n\r\n", nginx.address()).into_bytes();
            let capture = Capture::start_within(&machine, args);

            let wrk = Process::start(wrk(&nginx.url("file"), seconds)).finish().success();
            let said = wrk.stdout_text();
            assert_eq!(told(&said, "errors "), 0, "{said}");
            let served = nginx.stop();
            let output = capture.output();
            let kept = capture.stop_keeping();

            let whole = BASE64_STANDARD.encode(&request);
            let totals = Totals::read(&output, |pid, dir, pos, text| {
                if (pid, dir) == (worker, Dir::Read) || (pid, dir) == (wrk.pid, Dir::Write) {
                    assert!(repeats(&request, &whole, pos, text), "no request at {pos}: {text}");
                }
            });
            drop(kept);
            // nginx counts in its access log, wrk in its script: each for itself.
            let nginx_read: u64 = served.iter().map(|one| one.request).sum();
            let nginx_wrote: u64 = served.iter().map(|one| one.sent).sum();
            let moved = [
                (worker, Dir::Read, nginx_read),
                (worker, Dir::Write, nginx_wrote),
                (wrk.pid, Dir::Read, told(&said, "read ")),
                (wrk.pid, Dir::Write, told(&said, "wrote ")),
            ];
            for (pid, dir, moved) in moved {
                let total = totals.of(pid, dir);
                assert_eq!(total.moved(), moved, "pid {pid} {dir:?}: {total:?}");
            }
            totals.assert_books();
            totals.all().missing()
        }

        #[test]
        fn nginx_and_wrk_for_ten_seconds_to_the_byte() {
            accounted(128, 10, &[]);
        }

        /// Rings of 16 pages cannot hold what 100 KB answers bring.
        #[test]
        fn what_a_full_ring_loses_is_a_gap_to_the_byte() {
            let missing = accounted(100_000, 3, &["--mapsize", "16"]);
            assert!(missing > 0, "the rings were never full");
        }
    }
}
