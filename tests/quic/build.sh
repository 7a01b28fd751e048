#!/bin/sh
# Gets the programs that speak QUIC in the packet tests: `http3` (quinn, h3 and rustls) and the Python
# packages aioquic and curl_cffi (BoringSSL, ngtcp2), into TARGET/quic. Usage: build.sh [TARGET], else
# cargo's target directory. What is there already is left alone; two runs at once wait for each
# other. Needs cargo and Debian's python3-pip.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-${CARGO_TARGET_DIR:-$here/../../target}}
target=$(mkdir -p "$target/quic" && cd "$target/quic" && pwd)
exec 9>"$target/lock"
flock 9

packages="aioquic==1.7.2 curl_cffi==0.17.0"
if [ "$(cat "$target/packages" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$target/python"
    # shellcheck disable=SC2086
    /usr/bin/python3 -m pip -q --disable-pip-version-check install --only-binary=:all: \
        --target "$target/python" $packages
    echo "$packages" >"$target/packages"
fi
# Not asked each time: build scripts of dependencies look at what cargo sets for whoever runs this.
program=$target/release/http3
if [ -x "$program" ] && [ -z "$(find "$here" -newer "$program")" ]; then
    exit
fi
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml" --target-dir "$target"
