#!/bin/bash
# Boots Debian's cloud kernels under qemu and runs guest/checks.py in each.
#
#   run.sh [SERIES | no-btf]…     default: 5.10 6.1 6.12 no-btf
#
# no-btf is the newest kernel with its BTF hidden. ECAPTURE names the binary to test, by default the
# release build. The kernels stay in target/kernels, and what they said in target/kernels/logs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
store=$repo/target/kernels
ecapture=${ECAPTURE:-${CARGO_TARGET_DIR:-$repo/target}/release/ecapture}
newest=6.12
limit=400 # seconds for one boot with its checks; on a busy machine that took 175
passed=0
failed=0
qemu=

main() {
    local boots=("$@") boot
    [ ${#boots[@]} -gt 0 ] || boots=(5.10 6.1 "$newest" no-btf)
    # The checks are run all the same and fail one by one, so that nothing looks skipped.
    [ -x "$ecapture" ] || echo "run.sh: no ecapture at $ecapture: build it, or name one with ECAPTURE=PATH" >&2

    "$here/fetch.sh" $(printf '%s\n' "${boots[@]/no-btf/$newest}" | sort -u)
    mkdir -p "$store/logs"
    "$here/initramfs.sh" "$ecapture"
    trap 'stop' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for boot in "${boots[@]}"; do
        if [ "$boot" = no-btf ]; then
            run "$boot" "$newest" no-btf
        else
            run "$boot" "$boot" full
        fi
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# Boots a kernel of series $2 for the checks $3; $1 is the name in the output. Hardware
# acceleration is not asked for: the tests run on virtual machines that offer none.
# Without mitigations an emulated processor is a quarter faster.
run() {
    local results=$store/logs/$1.results console=$store/logs/$1.console start=$SECONDS
    : >"$results"
    : >"$console"
    timeout --kill-after=5 "$limit" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max -smp 2 -m 1536 \
        -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$store/$2/vmlinuz" -initrd "$store/initramfs.cpio" \
        -append "console=ttyS0 panic=-1 mitigations=off series=$2 checks=$3" \
        -serial "file:$console" -serial "file:$results" </dev/null &
    qemu=$!
    wait "$qemu" || true
    qemu=
    tally "$1" "$results" "$console"
    echo "$1: $((SECONDS - start)) s"
}

tally() {
    local name=$1 results=$2 console=$3
    tr -d '\r' <"$results" | sed "/^end\$/d; s/^/$name: /"
    passed=$((passed + $(grep -c '^pass ' "$results" || true)))
    failed=$((failed + $(grep -c '^FAIL ' "$results" || true)))
    if ! tr -d '\r' <"$results" | grep -qx end; then
        failed=$((failed + 1))
        echo "$name: FAIL the guest did not get to the end (limit: $limit s); its console ended with"
        tail -n 30 "$console" | tr -d '\r' | sed 's/^/    /'
    fi
}

stop() {
    [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
}

main "$@"
