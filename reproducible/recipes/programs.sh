# programs.sh: the project's own C becomes `init` (the enclave's PID 1) and `ingot` (the tool), each one static-pie file; $1 holds the flags shared with the libraries.
# shellcheck shell=bash
cd in || exit
# As small as can be, all sources seen as one: /init stays below 400 KB. What takes time is in the libraries, which have flags of their own.
# shellcheck disable=SC2206 # flags are words
flags=(
    $1 -Oz -flto -std=c11 -D_GNU_SOURCE "-DINGOT_VERSION=\"$(cat VERSION)\"" "-ffile-prefix-map=$PWD=."
    -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror -I. -isystem /opt/libraries/include
)
cc=/opt/musl/bin/musl-gcc
export LC_ALL=C

find . -name '*.c' | sed 's,^\./,,; s,\.c$,,' | sort >../sources
sed 's,^\(.*/\)[^/]*$,../obj/\1,' ../sources | sort -u | xargs mkdir -p
xargs -t -P "$INGOT_JOBS" -I{} "$cc" "${flags[@]}" -c {}.c -o ../obj/{}.o <../sources
cd ../obj || exit

library() { sed -n "s,^\($1\)/.*,&.o,p" ../sources; }
library 'base\|crypto\|net\|tls\|attest\|app\|image' | xargs gcc-ar rcD libingot.a
# link PROGRAM "LIBRARIES" OBJECT…: its own libraries, then those that every program has.
link() {
    local program=$1 libraries=$2
    shift 2
    # shellcheck disable=SC2086 # words
    "$cc" -static-pie -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs -o "../out/$program" "$@" libingot.a \
        -L/opt/libraries/lib $libraries -lbearssl -linih -ljansson -ltinycbor
    # One file that needs no loader and no library, or PID 1 would not start.
    readelf -hlWd "../out/$program" >"$program.elf"
    if ! grep -q 'Type: *DYN' "$program.elf" || ! grep -q GNU_RELRO "$program.elf" || ! grep -q 'FLAGS_1.*NOW.*PIE' "$program.elf" ||
        ! grep -q 'GNU_STACK.* RW ' "$program.elf" || grep -q 'INTERP\|(NEEDED)' "$program.elf"; then
        cat "$program.elf"
        echo "$program: not a static-pie with full RELRO"
        exit 1
    fi
}
set -x
# shellcheck disable=SC2046 # names without blanks
link init '' $(library init)
# shellcheck disable=SC2046
link ingot '-lyaml -lzlib' $(library tools)
