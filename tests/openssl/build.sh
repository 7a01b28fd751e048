#!/bin/sh
# Builds OpenSSL 1.1.1 as shared libraries and OpenSSL 3.6 as static ones, into TARGET/openssl-111
# and TARGET/openssl-36, and LibreSSL 3.1 with its `openssl`, into TARGET/libressl. Usage: build.sh [TARGET], else cargo's target directory. What is built
# already is left alone; two runs at once wait for each other. Needs cargo, perl, make and cc.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-${CARGO_TARGET_DIR:-$here/../../target}}
target=$(mkdir -p "$target" && cd "$target" && pwd)
exec 9>"$target/openssl.lock"
flock 9

# OpenSSL compiles everything twice to make both kinds of library in one build; one kind is enough.
# The static objects are position independent all the same, so that they can become shared ones.
share() { # library, its version, what else it needs
    cc -shared -Wl,-soname,"lib$1.so.$2" -Wl,-Bsymbolic -Wl,-z,defs -o "lib$1.so.$2" \
        -Wl,--whole-archive "lib$1.a" -Wl,--no-whole-archive -L. $3
    ln -sf "lib$1.so.$2" "lib$1.so"
    rm "lib$1.a"
}

build() { # name, source directory, release
    prefix=$target/openssl-$1
    if [ -f "$prefix/built" ] && [ "$(cat "$prefix/built")" = "$3" ]; then
        return
    fi
    work=$target/openssl-$1.build
    rm -rf "$prefix" "$work"
    mkdir -p "$work"
    cd "$work"
    options="no-shared no-tests no-comp no-zlib no-engine"
    [ "$1" = 111 ] || options="$options no-legacy no-module no-apps no-docs enable-ktls"
    sh "$2/config" $options --prefix="$prefix" --libdir=lib >log 2>&1 &&
        make -s -j"$(nproc)" build_libs >>log 2>&1 &&
        make -s install_dev >>log 2>&1 || { tail -30 log >&2; exit 1; }
    cd "$prefix/lib"
    if [ "$1" = 111 ]; then
        share crypto 1.1 "-ldl -lpthread"
        share ssl 1.1 "-lcrypto"
    fi
    echo "$3" >"$prefix/built"
    rm -rf "$work"
}

libressl() { # source archive, release
    prefix=$target/libressl
    if [ -f "$prefix/built" ] && [ "$(cat "$prefix/built")" = "$2" ]; then
        return
    fi
    work=$target/libressl.build
    rm -rf "$prefix" "$work"
    mkdir -p "$work"
    cd "$work"
    tar -xzf "$1" --strip-components=1
    ./configure --prefix="$prefix" --disable-static --disable-tests CFLAGS="-O2 -w" >log 2>&1 &&
        for part in include crypto ssl apps/openssl; do
            make -s -j"$(nproc)" -C $part install >>log 2>&1 || { tail -30 log >&2; exit 1; }
        done
    echo "$2" >"$prefix/built"
    rm -rf "$work"
}

sources=$(cargo run --quiet --locked --manifest-path "$here/Cargo.toml" \
    --target-dir "$target/openssl-sources")
echo "$sources" | while read -r name source; do
    build "$name" "$source" "$(basename "$(dirname "$source")")"
done
crate=$(cargo metadata --locked --format-version 1 --manifest-path "$here/Cargo.toml" |
    grep -o '[^"]*/libtls-sys-[0-9.]*/Cargo.toml' | head -1)
archive=$(echo "${crate%/*}"/libressl-*.tar.gz)
libressl "$archive" "$(basename "$archive")"
