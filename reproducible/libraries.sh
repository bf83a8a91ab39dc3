#!/usr/bin/env bash
# libraries.sh: compiles the third-party libraries with any compiler into any folder: for musl in the pinned root, for a host's tests outside of it.
#
#   libraries.sh SOURCES OUTDIR CC CFLAGS LIBRARY…
#
# SOURCES is a folder with the tars under their pinned names (sources.lock); OUTDIR gets lib/libNAME.a and include/. Each library is a few calls of the compiler:
# nobody needs cmake or autotools. Sanitizers of undefined behaviour are left out here (they judge our code); the address sanitizer goes through.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
sources=$1 out=$2 cc=$3 cflags=$4
shift 4
jobs=${INGOT_JOBS:-$(nproc)}
work=$out/src

# Unpacks a source and applies patches/NAME-*.patch to it.
unpack() {
    local name=$1 tar patch
    tar=$(awk -v name="$name" '$3 == name { sub(".*/", ""); print }' "$here/sources.lock")
    mkdir -p "$work/$name"
    tar -xf "$sources/$tar" -C "$work/$name" --strip-components=1 --no-same-owner
    for patch in "$here/patches/$name"-*.patch; do
        [ ! -f "$patch" ] || patch -s -p1 -d "$work/$name" -i "$patch"
    done
}

# compile NAME "FLAGS" FILE…: the files, relative to the source's top, become objects; archive NAME: all of them lib/libNAME.a, in the order of their names.
compile() {
    local name=$1 flags=$2
    shift 2
    mkdir -p "$work/$name.o"
    # shellcheck disable=SC2086 # flags are words
    (cd "$work/$name.o" && printf "../$name/%s\n" "$@" | xargs -t -P "$jobs" -n 8 $cc $cflags -w -fno-sanitize=undefined -ffile-prefix-map="$work"=. $flags -c)
}
archive() { (cd "$work/$1.o" && ${AR:-ar} rcD "$out/lib/lib$1.a" ./*.o); }

headers() {
    local name=$1 file
    shift
    for file; do cp "$work/$name/$file" "$out/include/"; done
}

# RDRAND off: where BearSSL finds it, it would be the only seed. /dev/urandom off: our code injects entropy, and a confined role opens no file.
# -O3 where it pays, as docs/performance.md says; what it inlines is half of what it adds, and no faster.
build_bearssl() {
    local flags="-I../bearssl/src -I../bearssl/inc -DBR_RDRAND=0 -DBR_USE_URANDOM=0"
    local fast="src/codec/ccopy.c src/ec/ec_p256_m31.c src/ec/ec_c25519_m31.c src/ssl/ssl_hs_server.c src/symcipher/chacha20_ct.c"
    # shellcheck disable=SC2046 # a source without blanks in its names
    compile bearssl "$flags" $(cd "$work/bearssl" && find src -name '*.c' | sort | grep -vxF "${fast// /$'\n'}")
    # shellcheck disable=SC2086
    compile bearssl "$flags -O3 -fno-inline-functions" $fast
    (cd "$work/bearssl/inc" && cp ./*.h "$out/include/")
}

build_inih() {
    compile inih "" ini.c
    headers inih ini.h
}

# Depth 8: the parser recurses, and nothing here is nested deeper.
build_jansson() {
    sed -e 's/@json_inline@/inline/' -e 's/@json_have_localeconv@/0/' -e 's/@json_[a-z_]*@/1/' -e 's/\(JSON_PARSER_MAX_DEPTH\) 2048/\1 8/' \
        "$work/jansson/src/jansson_config.h.in" >"$work/jansson/src/jansson_config.h"
    grep -q 'JSON_PARSER_MAX_DEPTH 8$' "$work/jansson/src/jansson_config.h"
    : >"$work/jansson/src/jansson_private_config.h" # its lines are the -D below
    compile jansson "-I../jansson/src -DHAVE_STDINT_H -DHAVE_UNISTD_H -DHAVE_FCNTL_H -DHAVE_SYS_STAT_H -DHAVE_SYS_TIME_H -DHAVE_SYS_TYPES_H -DHAVE_ENDIAN_H
        -DHAVE_OPEN -DHAVE_CLOSE -DHAVE_READ -DHAVE_GETTIMEOFDAY -DHAVE_GETPID -DHAVE_SCHED_H -DHAVE_SCHED_YIELD -DHAVE_ATOMIC_BUILTINS -DUSE_URANDOM" \
        src/{dump,error,hashtable,hashtable_seed,load,memory,pack_unpack,strbuffer,strconv,utf,value,version}.c
    headers jansson src/jansson.h src/jansson_config.h
}

build_tinycbor() {
    compile tinycbor "-I../tinycbor/src -DCBOR_PARSER_MAX_RECURSIONS=16" \
        src/{cborencoder,cborencoder_close_container_checked,cborencoder_float,cborerrorstrings,cborparser,cborparser_dup_string,cborparser_float,cborvalidation}.c
    headers tinycbor src/cbor.h src/tinycbor-version.h
}

# Only what reads: YAML is written by nobody here.
build_yaml() {
    compile yaml "-I../yaml/include -I../yaml/src -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 -DYAML_VERSION_STRING=\"0.2.5\"" \
        src/{api,parser,reader,scanner}.c
    headers yaml include/yaml.h
}

# Inflating only: nothing here compresses.
build_zlib() {
    compile zlib "-DHAVE_UNISTD_H -DHAVE_STDARG_H" {adler32,crc32,inffast,inflate,inftrees,zutil}.c
    headers zlib zlib.h zconf.h
}

build_cmocka() {
    sed -e 's/@cmocka_VERSION_MAJOR@/2/' -e 's/@cmocka_VERSION_MINOR@/0/' -e 's/@cmocka_VERSION_PATCH@/2/' \
        "$work/cmocka/include/cmocka_version.h.cmake" >"$work/cmocka/include/cmocka_version.h"
    compile cmocka "-D_GNU_SOURCE -I../cmocka/include -DHAVE_MALLOC_H -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_STRSIGNAL -DHAVE_SNPRINTF -DHAVE_VSNPRINTF
        -DHAVE_SIGLONGJMP -DHAVE_CLOCK_REALTIME -DHAVE_CLOCK_GETTIME -DHAVE_STRUCT_TIMESPEC -DHAVE_GCC_THREAD_LOCAL_STORAGE" src/cmocka.c
    headers cmocka include/cmocka.h include/cmocka_version.h include/cmocka_pbc.h
}

rm -rf "$work"
mkdir -p "$work" "$out/lib" "$out/include"
for library; do
    unpack "$library"
    "build_$library"
    archive "$library"
    rm -rf "${work:?}/$library" "$work/$library.o"
done
rmdir "$work"
