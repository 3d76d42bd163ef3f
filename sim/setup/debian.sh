# Sourced by packages.sh and prepare.sh: how both speak and how they install Debian packages.

LOCK_SECONDS=600 # how long another installation, such as a fresh machine's own upgrade, is waited for
LOCK_POLL_SECONDS=5

say() { echo "ringfence: $*" >&2; }

# when_unlocked COMMAND…: runs a command of dpkg or apt-get, again and again while it fails because another one holds a lock: dpkg never
# waits for its lock, and apt-get not for all of its own (the one on its lists).
when_unlocked() {
    local output waited=0
    until output=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@" 2>&1); do
        case $output in
            *"locked by another process"* | *"Could not get lock"*) ;;
            *) waited=$LOCK_SECONDS ;;
        esac
        if [ "$waited" -ge "$LOCK_SECONDS" ]; then
            printf '%s\n' "$output" >&2
            return 1
        fi
        [ "$waited" -gt 0 ] || say "waiting for another installation to finish"
        sleep "$LOCK_POLL_SECONDS"
        waited=$((waited + LOCK_POLL_SECONDS))
    done
    [ -z "$output" ] || printf '%s\n' "$output" >&2
}

# install_debian PACKAGE…: as root. A package manager that was interrupted must first finish what it began.
install_debian() {
    when_unlocked dpkg --configure -a \
        && when_unlocked apt-get -qq update \
        && when_unlocked apt-get -qq install -y --no-install-recommends "$@"
}
