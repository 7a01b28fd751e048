#!/bin/sh
# What does ecapture cost your own server? Loads URL with wrk, with and without ecapture in turn:
#   sudo bench/benchmark.sh URL [PID]
# PID is the server's process (for nginx: a worker). Without it every process is captured, and wrk,
# too, if it runs here. To change in the environment: ROUNDS, DURATION (seconds), THREADS,
# CONNECTIONS, ECAPTURE (the binary), OPTIONS (more words for `ecapture tls`, such as `-t 1024`).
set -eu

url=${1:?usage: benchmark.sh URL [PID]}
pid=${2:-}
rounds=${ROUNDS:-3}
seconds=${DURATION:-10}
here=$(dirname "$0")
ecapture=${ECAPTURE:-$(command -v ecapture || echo "$here/../target/release/ecapture")}

[ "$(id -u)" = 0 ] || { echo "benchmark.sh: probes need root: sudo $0 $*" >&2; exit 1; }
command -v wrk > /dev/null || { echo "benchmark.sh: wrk is missing: apt install wrk" >&2; exit 1; }
[ -x "$ecapture" ] || { echo "benchmark.sh: no ecapture at $ecapture; set ECAPTURE" >&2; exit 1; }

dir=$(mktemp -d)
tool=
cleanup() {
    [ -z "$tool" ] || kill "$tool" 2> /dev/null || :
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Runs wrk, shows what it found and adds the requests per second to $dir/NAME.
load() {
    wrk -t"${THREADS:-2}" -c"${CONNECTIONS:-100}" -d"${seconds}s" --latency "$url" > "$dir/wrk"
    awk -v name="$1" '
        $1 == "Requests/sec:" { rps = $2 }
        $1 == "50%" { p50 = $2 }
        $1 == "99%" { p99 = $2 }
        /Socket errors|Non-2xx/ { errors = $0 }
        END { printf "%-9s %10s req/s   p50 %9s   p99 %9s%s\n", name, rps, p50, p99, errors }
    ' "$dir/wrk"
    awk '$1 == "Requests/sec:" { print $2 }' "$dir/wrk" >> "$dir/$1"
}

median() {
    sort -n "$dir/$1" |
        awk '{ at[NR] = $1 } END { print (at[int((NR + 1) / 2)] + at[int(NR / 2) + 1]) / 2 }'
}

start() {
    # OPTIONS is several words.
    # shellcheck disable=SC2086
    "$ecapture" tls -m text ${pid:+--pid="$pid"} ${OPTIONS:-} -o "$dir/captured" 2> "$dir/log" &
    tool=$!
    until grep -q 'ready: ' "$dir/log"; do
        kill -0 "$tool" 2> /dev/null || {
            cat "$dir/log" >&2
            echo "benchmark.sh: $ecapture did not start, see above" >&2
            exit 1
        }
        sleep 0.1
    done
    ready=$(ticks)
}

# CPU time of ecapture so far, in clock ticks.
ticks() {
    sed 's/.*) //' "/proc/$tool/stat" | awk '{ print $12 + $13 }'
}

stop() {
    spent=$(($(ticks) - ready))
    kill -INT "$tool"
    wait "$tool" || :
    tool=
    grep 'lost events' "$dir/log" | tail -n 1
    echo "$spent $(getconf CLK_TCK) $seconds" |
        awk '{ printf "          ecapture used %.1f %% of one CPU\n", 100 * $1 / $2 / $3 }'
    rm -f "$dir/captured"
}

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(date -Iseconds)  $(uname -srm)  $cpu"
echo "$url, $rounds rounds of $seconds s, ${THREADS:-2} threads, ${CONNECTIONS:-100} connections"
for _ in $(seq "$rounds"); do
    load baseline
    start
    load ecapture
    stop
done
echo "$(median baseline) $(median ecapture)" |
    awk '{ printf "median: %s without, %s with ecapture: %.2f of the baseline\n", $1, $2, $2 / $1 }'
