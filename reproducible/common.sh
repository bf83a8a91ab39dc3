# common.sh: what the scripts of this folder share: where things lie, how they speak, how they end. Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of those who source this

# What in a caller's environment would change what tar, xz, grep and cd do here.
unset CDPATH TAR_OPTIONS XZ_OPT XZ_DEFAULTS GZIP POSIXLY_CORRECT GREP_OPTIONS

INGOT_HOME=${HOME:-/tmp}/.cache/ingot
downloads=${INGOT_DOWNLOADS:-$INGOT_HOME/downloads}
cache=${INGOT_CACHE:-$INGOT_HOME/cache}
jobs=${INGOT_JOBS:-$(nproc)}

note() { printf '%s\n' "$*" >&2; }
misuse() {
    note "${0##*/}: $*"
    exit 100
}
die() {
    note "${0##*/}: $*"
    exit 111
}
need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || die "needs '$tool', which is not installed here"
    done
}

# Keys. What decides a result is listed, one line each, and the list is hashed; the list stays beside the result.
file_input() { (cd "$here/.." && sha256sum -- "$@") | awk '{ print "file", $2, $1 }'; }
source_input() { awk -v name="$1" '$3 == name { print "source", $3, $1; n++ } END { exit !n }' "$here/sources.lock"; }
key_of() { sha256sum | cut -c1-16; }
