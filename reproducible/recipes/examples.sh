# examples.sh: the C programs of examples/, each one static-pie file, under out/EXAMPLE; $1 holds the flags shared with the project's own programs.
# shellcheck shell=bash
cd in || exit
find examples -name '*.c' | sort | while read -r source; do
    program=../out/${source#examples/}
    mkdir -p "$(dirname "$program")"
    # shellcheck disable=SC2086 # flags are words
    (set -x && /opt/musl/bin/musl-gcc $1 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "-ffile-prefix-map=$PWD=." \
        -static-pie -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,relro,-z,now,-z,noexecstack -o "${program%.c}" "$source")
    readelf -lWd "${program%.c}" >"$program.elf"
    ! grep 'INTERP\|(NEEDED)' "$program.elf"
    rm "$program.elf"
done
