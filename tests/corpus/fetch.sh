#!/usr/bin/env bash
# Fetches TLS libraries of other releases and machines as data: Debian packages, unpacked and never
# installed. What is there already is not fetched again.
#   fetch.sh DIR    fills DIR/SUITE-ARCH/usr/lib/TRIPLET/
set -euo pipefail

dir=${1:?directory}
# suite, architecture, packages; no package twice for one architecture
wanted='bullseye amd64 libssl1.1 libgnutls30
bookworm arm64 libssl3 libgnutls30 libnss3
trixie amd64 libssl3t64 libgnutls30t64 libnss3
trixie arm64 libssl3t64 libgnutls30t64'

missing=$(while read -r suite arch packages; do
    [ "$(cat "$dir/$suite-$arch/.complete" 2>&1)" = "$packages" ] || echo "$suite $arch $packages"
done <<<"$wanted")
[ -n "$missing" ] || exit 0

mirror=$(apt-get indextargets --format '$(REPO_URI) $(CREATED_BY) $(ORIGIN)' |
    awk '$2 == "Packages" && $3 == "Debian" && $1 !~ /security/ { print $1; exit }')
[ -n "$mirror" ] || { echo "no Debian package source; run 'apt-get update' once" >&2; exit 1; }
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d "$dir/.fetch.XXXXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs}
: >"$work/status"
awk -v mirror="$mirror" '
    { archs[$1] = archs[$1] (archs[$1] ? "," : "") $2 }
    END {
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        for (suite in archs)
            print "deb [arch=" archs[suite], "signed-by=" key "]", mirror, suite, "main"
    }' <<<"$missing" >"$work/sources.list"

# An apt of its own beside the system's, asking where the system's asks.
own=(-qq
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
apt-get "${own[@]}" update
names=$(while read -r suite arch packages; do
    for package in $packages; do echo "$package:$arch/$suite"; done
done <<<"$missing")
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get "${own[@]}" download $names)

while read -r suite arch packages; do
    for package in $packages; do
        dpkg-deb -x "$work/debs/${package}"_*_"$arch".deb "$dir/$suite-$arch"
    done
    echo "$packages" >"$dir/$suite-$arch/.complete"
done <<<"$missing"
