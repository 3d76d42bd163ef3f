#!/usr/bin/env bash
# prepare.sh VENV STAMP: makes the virtual environment and installs the project with its pinned packages.
# A set-up that was interrupted leaves the mark UNFINISHED, and the next one starts afresh. Two at a time wait for each other.
set -eu

VENV=$1
STAMP=$2
UNFINISHED=$VENV/.unfinished

. "$(dirname "$0")/debian.sh"

exec 9>"${VENV%/}.lock"
flock 9
if [ -e "$STAMP" ] && [ "$STAMP" -nt pyproject.toml ]; then
    exit 0
fi

find_python() {
    for name in "${PYTHON_FOR_VENV:-python3}" python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    if ! python=$(find_python); then
        if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
            say "installing python3-venv"
            install_debian python3-venv || true
        fi
        if ! python=$(find_python); then
            say "Python 3.11 or newer with its venv module is needed (Debian: python3-venv)"
            exit 2
        fi
    fi
    say "making $VENV"
    rm -rf "$VENV"
    mkdir -p "$VENV"
    touch "$UNFINISHED"
    "$python" -m venv "$VENV"
}

if [ -e "$UNFINISHED" ] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi
touch "$UNFINISHED"
say "installing Python packages"
if ! "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -e .; then
    say "pip could not install the packages of pyproject.toml"
    exit 2
fi
rm -f "$UNFINISHED"
touch "$STAMP"
