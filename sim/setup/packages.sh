#!/usr/bin/env bash
# The Debian packages that Ringfence builds and tests with: installs what is missing as root, otherwise says what is missing.
set -eu

PACKAGES="g++ make perl gcc-multilib nasm qemu-system-x86 iverilog liblz4-dev zlib1g-dev ccache swtpm tpm2-tools"

. "$(dirname "$0")/debian.sh"

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
    for package in $PACKAGES; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

# Without dpkg the programs themselves are all that can be asked for.
missing_programs() {
    for program in g++ make perl nasm qemu-system-i386 iverilog ccache swtpm tpm2_pcrread $MORE_PROGRAMS; do
        command -v "$program" >/dev/null || printf '%s ' "$program"
    done
}

# `packages.sh regress`: the second oracle as well, with the one display of its that needs no screen, and a browser. Nothing but `make
# regress` pulls them in.
MORE_PROGRAMS=
if [ "${1:-}" = regress ]; then
    PACKAGES="$PACKAGES bochs bochs-term chromium"
    MORE_PROGRAMS="bochs chromium"
fi

if ! command -v dpkg-query >/dev/null; then
    missing=$(missing_programs)
    [ -z "$missing" ] && exit 0
    say "please install: $missing"
    exit 2
fi

missing=$(missing_packages)
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    say "these Debian packages are missing: ${missing% } (install them with apt-get, or run this as root)"
    exit 2
fi

say "installing ${missing% }"
if ! install_debian $missing; then
    say "these Debian packages could not be installed, for the reason above: ${missing% }"
    exit 2
fi
