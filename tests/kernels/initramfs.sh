#!/bin/bash
# Builds the guest's root, target/kernels/initramfs.cpio, out of the ecapture binary $1 and of
# Debian's own installed files: sh, bash, mkdir, mount, openssl and python3 with the libraries they load.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=$(cd "$here/../.." && pwd)/target/kernels
ecapture=$1
python=$(/usr/bin/python3 -I -c 'import os; print(os.path.dirname(os.__file__))')
# What the checks import, directly or not, is a small part; these are the large rest.
python_left_out=(test idlelib lib2to3 distutils ensurepip unittest pydoc_data tkinter 'config-*')

main() {
    mkdir -p "$store"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    # As Debian lays out its own root, so that a library's path is the same as on the host.
    mkdir -p "$root"/usr/{bin,lib,lib64,sbin} "$root"/{proc,sys,dev,tmp,empty,etc/ssl}
    ln -s usr/bin usr/lib usr/lib64 usr/sbin "$root/"

    program /bin/sh /bin/bash /bin/mkdir /bin/mount /usr/bin/openssl /usr/bin/python3
    mkdir -p "$root/usr/lib/ssl"
    cp -P /usr/lib/ssl/openssl.cnf "$root/usr/lib/ssl/"
    cp /etc/ssl/openssl.cnf "$root/etc/ssl/"
    standard_library
    cp -r "$here/guest" "$root/guest"
    mv "$root/guest/init" "$root/init"
    certificate "$root/guest"
    if [ -x "$ecapture" ]; then
        place "$ecapture" /usr/bin/ecapture
    fi

    (cd "$root" && find . -print0 | cpio --quiet --null --create --format=newc --owner=+0:+0) \
        >"$store/initramfs.cpio"
}

# Each Debian file under its own path, with every library that it loads.
program() {
    local file
    for file in "$@"; do
        place "$file" "$file"
    done
}

# Puts the host's file $1 at $2; a path through /lib or /bin lands in /usr by the links above.
place() {
    [ -e "$root$2" ] && return 0
    mkdir -p "$root$(dirname "$2")"
    cp -L --preserve=mode,timestamps "$1" "$root$2"
    # ldd refuses a static program, which then needs nothing.
    { ldd "$1" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
        [ -e "$root$library" ] || place "$library" "$library"
    done
}

standard_library() {
    local name excludes=() module
    for name in "${python_left_out[@]}"; do
        excludes+=("--exclude=.$python/$name")
    done
    # tar keeps the times: a compiled module counts only beside a source of its own time.
    tar -c -C / "${excludes[@]}" ".$python" | tar -x -C "$root"
    for module in "$python"/lib-dynload/{_ssl,_hashlib}.*.so; do
        program "$module"
    done
}

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1,IP:::1' \
        -keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
}

main
