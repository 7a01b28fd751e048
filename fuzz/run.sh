#!/bin/sh
# Runs every fuzz target for so many seconds each: `run.sh [SECONDS]`. Needs a nightly compiler for
# the coverage counters that libFuzzer steers by; these are the flags that cargo-fuzz passes.
set -eu
cd "$(dirname "$0")"
seconds=${1:-20}

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
    exit 1
fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export RUSTFLAGS="-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
cargo +nightly build --release --locked --target "$host"

found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for source in fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "fuzzing $target for $seconds s"
    # New inputs go to the first folder, the committed corpus stays as it is.
    "target/$host/release/$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=5 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="artifacts/$target/" \
        "$found" "corpus/$target" 2>"$found.log" || {
        tail -n 40 "$found.log" >&2
        exit 1
    }
    grep -E "stat::(number_of_executed_units|peak_rss_mb)" "$found.log"
    rm -f "$found.log"
done
