# libraries.sh: the third-party libraries for musl, under /opt/libraries.
# shellcheck shell=bash
mkdir -p out/opt/libraries
bash in/reproducible/libraries.sh in "/build/out/opt/libraries" /opt/musl/bin/musl-gcc "$1" bearssl inih jansson tinycbor yaml zlib
