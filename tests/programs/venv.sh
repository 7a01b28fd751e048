#!/bin/sh
# Makes a Python environment of the tests' own with what requirements.txt pins, in TARGET/python.
# Usage: venv.sh [TARGET], else cargo's target directory. One that is up to date is left alone; two
# runs at once wait for each other. Prints its python.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-${CARGO_TARGET_DIR:-$here/../../target}}
target=$(mkdir -p "$target" && cd "$target" && pwd)
exec 9>"$target/python.lock"
flock 9

if ! cmp -s "$here/requirements.txt" "$target/python/requirements.txt"; then
    rm -rf "$target/python"
    /usr/bin/python3 -m venv "$target/python" >&2
    "$target/python/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$target/python/requirements.txt"
fi
echo "$target/python/bin/python"
