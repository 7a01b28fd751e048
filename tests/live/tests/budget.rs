//! `--max-cpu`: what costs too much is made less, step by step, and said.

mod live {
    mod root {
        use std::process::Command;

        use live::{Capture, Machine, Nginx, Process, Totals};

        fn load(nginx: &Nginx, seconds: u32) {
            let mut wrk = Command::new("wrk");
            let seconds = format!("-d{seconds}s");
            wrk.args(["-t1", "-c20", &seconds, "-H", "Connection: close", &nginx.url("file")]);
            Process::start(wrk).finish().success();
        }

        #[test]
        fn a_small_budget_under_load_steps_down_and_accounts_for_every_byte() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 100_000])]);
            let pid = nginx.workers[0].to_string();
            let args = ["--pid", &pid, "--max-cpu", "1"];
            let capture = Capture::start_within(&machine, &args);
            load(&nginx, 5);
            let first = capture.await_log("its first step", |line| {
                line.contains("takes less: ").then(|| line.to_owned())
            });
            assert!(
                first.contains("--max-cpu 1: used ") && first.ends_with("1024 bytes of a call")
            );
            capture.await_log("a sample", |line| line.contains("one in 2 of").then_some(()));
            let output = capture.output();
            let served = nginx.stop();
            let kept = capture.stop_keeping();
            let totals = Totals::read(&output, |_, _, _, _| {});
            let summary: serde_json::Value =
                serde_json::from_str(&totals.summary).expect("a summary");
            assert_eq!(summary["unaccounted"], 0);
            assert!(summary["reduced"]["down"].as_u64() >= Some(2), "{summary}");
            let left_out = summary["left_out"]["sample"]["bytes"].as_u64().expect("bytes");
            let moved: u64 = served.iter().map(|one| one.request + one.sent).sum();
            assert_eq!(totals.all().moved() + left_out, moved, "{summary}");
            assert!(totals.all().gaps.contains_key("overload"), "{summary}");
            drop(kept);
        }

        #[test]
        fn a_large_budget_changes_nothing() {
            let machine = Machine::alone();
            let nginx = Nginx::start(1, &[("file", &[b'x'; 1000])]);
            let pid = nginx.workers[0].to_string();
            let args = ["--pid", &pid, "--max-cpu", "1000"];
            let capture = Capture::start_within(&machine, &args);
            load(&nginx, 2);
            let output = capture.output();
            nginx.stop();
            let kept = capture.stop_keeping();
            let summary = Totals::read(&output, |_, _, _, _| {}).summary;
            assert!(summary.contains(r#""reduced":{"down":0,"up":0,"seconds":0}"#), "{summary}");
            drop(kept);
        }
    }
}
