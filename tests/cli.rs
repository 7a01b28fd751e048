//! The command line as users see it: help, refusals and their exit codes, kept as snapshots in
//! tests/cli. Nothing here needs root; `TRYCMD=overwrite cargo test --test cli` writes them anew.

#[test]
fn the_command_line_answers_as_written_down() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd");
}
