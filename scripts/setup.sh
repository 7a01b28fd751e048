#!/bin/sh
# Installs the Debian packages that a task needs and that are missing: `setup.sh build`, `demo`,
# `user`, `test`, `kernels`, `bench`, `wide` or `lint`, several at once if wanted. Not root: says which
# line to run. For `test` also the Python packages that tests/programs/requirements.txt pins.
set -eu

build="gcc libc6-dev make pkg-config libelf-dev zlib1g-dev libpcap-dev clang-14"
demo="$build openssl ca-certificates"
# What tests that need no root run or look at.
user="golang-go python3-unicorn"
# Real programs that the tests capture from, and what builds and watches them.
test="$demo libssl-dev perl curl brotli gzip zstd nginx-light wrk python3 python3-venv nodejs python3-websockets nghttp2-client nghttp2-server python3-grpcio python3-protobuf protobuf-compiler tshark bpftool procps util-linux iproute2 gnutls-bin libgnutls28-dev wget libnss3-tools libnss3-dev libmbedtls-dev libwolfssl-dev python3-pip python3-pygit2 socat strace bash zsh sqlite3 libreadline-dev postgresql mariadb-server mariadb-client libdbd-mariadb-perl python3-psycopg python3-pymysql $user"
kernels="$build qemu-system-x86 cpio openssl python3 debian-archive-keyring"
bench="$demo libssl-dev nginx-light wrk bpftrace bpfcc-tools tcpdump python3 procps util-linux"
# Others' packages of Node.js bring npm and conflict with Debian's.
npm=$(command -v npm > /dev/null || echo npm)
wide="$build python3-unicorn binutils python3-pip $npm python3-certifi python3-cffi-backend python3-typing-extensions"
lint="$build clang-format-14"

wanted=""
for task in "$@"; do
    case $task in
        build) wanted="$wanted $build" ;;
        demo) wanted="$wanted $demo" ;;
        user) wanted="$wanted $user" ;;
        test) wanted="$wanted $test" ;;
        kernels) wanted="$wanted $kernels" ;;
        bench) wanted="$wanted $bench" ;;
        wide) wanted="$wanted $wide" ;;
        lint) wanted="$wanted $lint" ;;
        *) echo "setup.sh: no such task: $task" >&2; exit 2 ;;
    esac
done

missing=""
for package in $(printf '%s\n' $wanted | sort -u); do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
install_missing() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "Packages are missing; run this and try again:" >&2
        echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi

    # The tests start their own servers: installing one must not start it.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod +x $policy
        trap 'rm -f $policy' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    echo "Installing:$missing"
    # shellcheck disable=SC2086
    apt-get install -y -q --no-install-recommends $missing > /tmp/ecapture-setup.$$ 2>&1 || {
        apt-get update -q >> /tmp/ecapture-setup.$$ 2>&1
        apt-get install -y -q --no-install-recommends $missing >> /tmp/ecapture-setup.$$ 2>&1 || {
            tail -n 20 /tmp/ecapture-setup.$$ >&2
            exit 1
        }
    }
    rm -f /tmp/ecapture-setup.$$
}

[ -z "$missing" ] || install_missing
case " $* " in
    *" test "*) "$(dirname "$0")/../tests/programs/venv.sh" > /dev/null ;;
esac
