#!/bin/sh
# Runs every fuzz target for so many seconds each, two at a time: `run.sh [SECONDS [TARGET…]]`. Needs
# a nightly compiler for the coverage counters that libFuzzer steers by; these are the flags that
# cargo-fuzz passes.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(basename -s .rs fuzz_targets/*.rs)

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
export host seconds found
# New inputs go to the first folder, the committed corpus stays as it is.
printf '%s\n' "$@" | xargs -P 2 -I TARGET sh -c '
    mkdir -p "$found/TARGET" "corpus/TARGET" "artifacts/TARGET"
    if "target/$host/release/TARGET" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=5 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="artifacts/TARGET/" \
        "$found/TARGET" "corpus/TARGET" 2>"$found/TARGET.log"
    then
        echo TARGET for "$seconds s:" $(grep -E "stat::(number_of_executed_units|peak_rss_mb)" \
            "$found/TARGET.log" | sed "s/stat:://")
    else
        echo TARGET has failed: >&2
        tail -n 40 "$found/TARGET.log" >&2
        exit 255
    fi'
