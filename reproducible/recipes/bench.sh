# bench.sh: our TLS server as a program of its own, made of the sources, flags and libraries that `init` is made of, to be measured (make bench-tls); $1: the flags.
# shellcheck shell=bash
# shellcheck source=reproducible/recipes/programs.sh
. in/reproducible/recipes/programs.sh
link tls_server '' tests/interop/tls_server.o
