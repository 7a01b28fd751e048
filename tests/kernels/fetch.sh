#!/bin/bash
# Gets the newest Debian cloud kernel of every series that the tests boot, into
# target/kernels/SERIES/vmlinuz. Nothing is installed: apt works on lists and a cache of its own,
# with the host's settings (proxies, certificates) and the host's Debian keyring. A kernel that is
# there is kept; remove target/kernels to get newer ones.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=$(cd "$here/../.." && pwd)/target/kernels
series=("$@")
[ ${#series[@]} -gt 0 ] || series=(5.10 6.1 6.12)

main() {
    local missing=() s
    for s in "${series[@]}"; do
        [ -s "$store/$s/vmlinuz" ] || missing+=("$s")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    own_apt
    # A suite that is gone is not the end: the series that need it say so below.
    apt-get -c "$scratch/apt.conf" -q update >&2 || true
    for s in "${missing[@]}"; do
        fetch "$s"
    done
}

# The security suites alone hold the newest kernels of both releases, and their lists are small:
# the main suites' would cost 17 MB and several seconds for nothing newer.
own_apt() {
    local deb='deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org'
    mkdir -p "$scratch/lists/partial" "$scratch/archives/partial"
    : >"$scratch/status"
    cat >"$scratch/sources.list" <<EOF
$deb/debian-security bullseye-security main
$deb/debian-security bookworm-security main
$deb/debian bookworm-backports main
EOF
    # Read after the host's own files, so it also clears the hooks that would touch the host.
    cat >"$scratch/apt.conf" <<EOF
#clear APT::Update;
#clear DPkg;
#clear Acquire::IndexTargets::deb::DEP-11;
Dir::Etc::sourcelist "$scratch/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$scratch";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch";
APT::Architecture "amd64";
APT::Sandbox::User "root";
EOF
}

fetch() {
    local name
    name=$(apt-cache -c "$scratch/apt.conf" search --names-only \
        "^linux-image-${1//./\\.}\.[0-9].*-cloud-amd64\$" | cut -d' ' -f1 | sort -V | tail -n1)
    if [ -z "$name" ]; then
        echo "fetch.sh: no suite offers a cloud kernel of the series $1" >&2
        return 1
    fi
    (cd "$scratch" && apt-get -c apt.conf -q download "$name" >&2)
    mkdir -p "$scratch/$name" "$store/$1"
    dpkg-deb --fsys-tarfile "$scratch/${name}"_*.deb | tar -x -C "$scratch/$name" --wildcards './boot/vmlinuz-*'
    # Everything the guest needs is built in (serial console, tmpfs, IPv6), so no module is kept.
    # The rename comes last: a half-fetched kernel is never taken for a whole one.
    mv "$scratch/$name"/boot/vmlinuz-* "$store/$1/vmlinuz.new"
    mv "$store/$1/vmlinuz.new" "$store/$1/vmlinuz"
    echo "$1: $name" >&2
}

main
