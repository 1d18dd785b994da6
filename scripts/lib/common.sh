# Shared by the scripts in scripts/: where things are, progress lines, and root where it is needed.
# shellcheck shell=bash

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build

# step TEXT...: one progress line with the seconds since the script began.
step() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }

# die TEXT...: what went wrong and what to do about it; exit 1.
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "needs root for: $*; run it as root or install sudo"
        sudo "$@"
    fi
}

# wait_for SECONDS WHAT COMMAND...: runs the command every 0.1 s until it succeeds.
wait_for() {
    local limit=$1 what=$2 end
    shift 2
    end=$((SECONDS + limit))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}
