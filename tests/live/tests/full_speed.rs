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

        #[test]
        fn nginx_and_wrk_for_ten_seconds_to_the_byte() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 128])]);
            let worker = nginx.workers[0];
            let request =
                format!("GET /file HTTP/1.1\r\nHost: {}\r\n\r\n", nginx.address()).into_bytes();
            let capture = Capture::start_within(&machine, &[]);

            let wrk = Process::start(wrk(&nginx.url("file"), 10)).finish().success();
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
            // nginx counts in its access log, wrk in its script: each for itself.
            let nginx_read: u64 = served.iter().map(|one| one.request).sum();
            let nginx_wrote: u64 = served.iter().map(|one| one.sent).sum();
            let shown = [
                (worker, Dir::Read, nginx_read),
                (worker, Dir::Write, nginx_wrote),
                (wrk.pid, Dir::Read, told(&said, "read ")),
                (wrk.pid, Dir::Write, told(&said, "wrote ")),
            ];
            for (pid, dir, moved) in shown {
                let total = totals.of(pid, dir);
                println!("pid {pid} {dir:?}: moved {moved}, {total:?}");
                assert_eq!(total.moved(), moved, "pid {pid} {dir:?}: {total:?}");
            }
            println!("{} requests, {} lines, {}", served.len(), totals.lines, totals.summary);
            drop(kept);
        }
    }
}
