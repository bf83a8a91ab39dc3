# ingot: everything a person types. `make help` lists it; reproducible/ holds what `make eif` runs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:

CONFIG ?= examples/watermark/enclave.ini#  the image: make eif CONFIG=my/enclave.ini ROOT=my/rootfs
ROOT ?=
TIME ?= 60#  seconds for each fuzzer: make fuzz TIME=600
export INGOT_CACHE ?= $(HOME)/.cache/ingot/cache
export INGOT_DOWNLOADS ?= $(HOME)/.cache/ingot/downloads

LAYERS := base crypto net tls attest image app
LIBRARY := $(sort $(wildcard $(LAYERS:=/*.c)))
CODE := $(LIBRARY) $(sort $(wildcard init/*.c tools/*.c tools/emulator/*.c))
HEADERS := $(sort $(wildcard $(LAYERS:=/*.h) init/*.h tools/*.h tools/emulator/*.h))
UNITS := $(sort $(wildcard $(patsubst %,tests/%/*.c,$(LAYERS) init tools)))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

# ---- the image ----
NAME := $(shell LC_ALL=C sed -n 's/^[ \t]*name[ \t]*=[ \t]*\([A-Za-z0-9._-]*\).*/\1/p' $(CONFIG) 2>/dev/null | head -n 1)
EIF := build/$(or $(NAME),unnamed).eif
PINNED := $(wildcard reproducible/*.lock reproducible/*.sh reproducible/recipes/* reproducible/patches/* reproducible/epoch) \
	$(addprefix reproducible/,kernel.config part root enter fetch)
ifneq ($(words $(CONFIG)) $(words $(wildcard $(CONFIG))),1 1)
$(error CONFIG=$(CONFIG): there is no such file (it names an enclave.ini, by a path without blanks))
endif
ifneq ($(and $(ROOT),$(shell [ -d '$(ROOT)' ] || echo no)),)
$(error ROOT=$(ROOT): there is no such folder (it becomes the file system of your program))
endif

eif: $(EIF) ## build the enclave image of CONFIG (default: examples/watermark) from pinned sources
	@sha256sum $(EIF) >&2
$(EIF): build/bzImage build/init build/ingot $(CONFIG) $(EIF:.eif=.inputs) $(EIF:.eif=.spdx.json) reproducible/epoch reproducible/provenance
	@SOURCE_DATE_EPOCH=$$(cat reproducible/epoch) build/ingot build -c $(CONFIG) $(if $(ROOT),--root '$(ROOT)') -o $@ \
		--sbom $(@:.eif=.spdx.json) --sbom $(@:.eif=.cdx.json)
	@reproducible/provenance $@ $(CONFIG) $(if $(ROOT),'$(ROOT)')
# What went into kernel and init. Their digests lie beside init; the provenance, which names the image, can only come after it.
build/%.spdx.json build/%.cdx.json: build/bzImage build/init LICENSE $(addprefix reproducible/,sbom pinned.py licences)
	@reproducible/sbom build/$*
# What else decides an image, as a list, so that a file that went or got another mode counts: which CONFIG, its CA files, and all of ROOT.
build/%.inputs: always
	@mkdir -p build && { echo 'CONFIG=$(CONFIG) ROOT=$(ROOT)' && \
		(cd $(dir $(CONFIG)) && sed -n 's/^[ \t]*ca[ \t]*=[ \t]*//p' $(notdir $(CONFIG)) | xargs -r -d '\n' sha256sum 2>/dev/null || :) && \
		$(if $(ROOT),find '$(ROOT)' -printf '%P %M %s %T@ %l\n' | sort,:); } >$@.new && { cmp -s $@.new $@ || mv $@.new $@; } && rm -f $@.new

build/bzImage: $(PINNED) | build/.needs-eif
	@part=$$(reproducible/part kernel) && cp -f "$$part/bzImage" $@ && touch $@
build/init build/ingot &: $(CODE) $(HEADERS) $(PINNED) VERSION | build/.needs-eif
	@part=$$(reproducible/part programs) && cp -f "$$part/init" "$$part/ingot" build/ && touch build/init build/ingot
build/qemu: $(PINNED) | build/.needs-eif
	@part=$$(reproducible/part emulator) && ln -sfn "$$part" $@
build/.needs-%: reproducible/needs
	@mkdir -p build && reproducible/needs $* && touch $@

run: $(EIF) build/qemu ## boot that image here, with the parent's side, console on the terminal (ARGS= for ingot run)
	@build/ingot run $(EIF) $(ARGS)
demo: build/.needs-demo build/watermark.eif build/qemu ## a real service, certificates, the enclave, one call through mutual TLS
	@tests/demo
build/watermark.eif: CONFIG := examples/watermark/enclave.ini

PREFIX ?= /usr/local
man: build/ingot.1 build/enclave.ini.5 ## the manual pages: man -l build/ingot.1, man -l build/enclave.ini.5
build/ingot.1 build/enclave.ini.5: build/ingot
	@build/ingot --man $(@F) > $@
install: build/ingot build/init build/bzImage man ## ingot, manual pages and completions below PREFIX (/usr/local)
	@install -D -t $(DESTDIR)$(PREFIX)/lib/ingot build/ingot build/init
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/ingot build/bzImage
	@mkdir -p $(DESTDIR)$(PREFIX)/bin && ln -sfn ../lib/ingot/ingot $(DESTDIR)$(PREFIX)/bin/ingot
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 build/ingot.1
	@install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 build/enclave.ini.5
	@install -D -m 644 <(build/ingot --completion bash) $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ingot
	@install -D -m 644 <(build/ingot --completion zsh) $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ingot

EXAMPLES := $(patsubst examples/%/enclave.ini,%,$(wildcard examples/*/enclave.ini))
examples: $(EXAMPLES:%=example-%) ## every example's image
$(EXAMPLES:%=example-%): example-%: build/bzImage build/init build/ingot
	@words=$$(reproducible/example $*) && $(MAKE) eif $$words
relock: ## newer versions of every pinned input, with open security updates; changes nothing
	@reproducible/relock
sources: build/sources.tar ## every pinned input in one tar, for `make eif SOURCES=build/sources.tar` without a network (EMULATOR=1: QEMU's too)
build/sources.tar: $(wildcard reproducible/*.lock) reproducible/sources
	@mkdir -p build && reproducible/sources $@

# ---- checks ----
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror
CFLAGS := -std=c11 -D_GNU_SOURCE -DINGOT_VERSION='"$(shell cat VERSION)"' $(WARNINGS) -g -ffunction-sections -fdata-sections -I. -MMD -MP
gcc.cc := gcc
gcc.flags := -O1 -fstack-protector-strong
san.cc := clang
san.flags := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize=fuzzer-no-link
san.libflags := -O1 -g -fsanitize=address
gcc.libflags := -O2 -g
HOST_PINNED := $(wildcard reproducible/sources.lock reproducible/libraries.sh reproducible/host-libraries reproducible/patches/*)
LDLIBS := -lbearssl -linih -ljansson -ltinycbor -lyaml -lzlib -lpthread

# $(1): gcc (plain) or san (clang with ASan, UBSan and coverage): the same sources and tests under both compilers.
define variant
build/$(1)/libs/.key: $$(HOST_PINNED) | build/.needs-check
	@reproducible/host-libraries build/$(1)/libs $$($(1).cc) "$$($(1).libflags)" && touch $$@
build/$(1)/%.o: %.c build/$(1)/libs/.key
	@mkdir -p $$(@D) && $$($(1).cc) $$(CFLAGS) $$($(1).flags) -isystem build/$(1)/libs/include -c $$< -o $$@
build/$(1)/libingot.a: $$(patsubst %.c,build/$(1)/%.o,$$(filter-out init/main.c tools/ingot.c,$$(CODE)))
	@rm -f $$@ && ar rcs $$@ $$^
build/$(1)/tests/%.run: build/$(1)/tests/%.o build/$(1)/libingot.a
	@$$($(1).cc) $$($(1).flags) -Wl,--gc-sections -o $$@ $$^ -Lbuild/$(1)/libs/lib -lcmocka $$(LDLIBS)
build/$(1)/ingot: build/$(1)/tools/ingot.o build/$(1)/libingot.a
	@$$($(1).cc) $$($(1).flags) -Wl,--gc-sections -o $$@ $$^ -Lbuild/$(1)/libs/lib $$(LDLIBS)
$(1)-objects: $$(patsubst %.c,build/$(1)/%.o,$$(CODE))
$(1)-units: $$(patsubst tests/%.c,build/$(1)/tests/%.run,$$(UNITS)) $(1)-objects
	@tests/run $(1)-units $$(filter %.run,$$^)
-include $$(patsubst %.c,build/$(1)/%.d,$$(CODE) $$(UNITS) tests/interop/tls_server.c tests/service/gateway_alone.c tests/service/http_reading.c)
endef
$(foreach v,gcc san,$(eval $(call variant,$(v))))
.SECONDARY:

# A third build, for the share of lines that the fuzzers reach.
cov.flags := -O1 -fprofile-instr-generate -fcoverage-mapping -fsanitize=fuzzer-no-link
build/cov/%.o: %.c build/gcc/libs/.key
	@mkdir -p $(@D) && clang $(CFLAGS) $(cov.flags) -isystem build/gcc/libs/include -c $< -o $@
build/cov/libingot.a: $(patsubst %.c,build/cov/%.o,$(filter-out init/main.c tools/ingot.c,$(CODE)))
	@rm -f $@ && ar rcs $@ $^
build/cov/fuzz/%: build/cov/tests/fuzz/%.o build/cov/libingot.a
	@mkdir -p $(@D) && clang $(cov.flags) -fsanitize=fuzzer -o $@ $^ -Lbuild/gcc/libs/lib $(LDLIBS)
PARSERS := $(shell sed -n 's/^\([a-z0-9_]*\) .*/\1/p' tests/fuzz/parsers)
coverage: $(PARSERS:%=build/cov/fuzz/%) ## the share of the parsers' lines that the fuzzers' inputs reach
	@tests/fuzz/coverage $(PARSERS)

build/san/fuzz/%: build/san/tests/fuzz/%.o build/san/libingot.a
	@mkdir -p $(@D) && clang $(san.flags) -fsanitize=fuzzer -o $@ $^ -Lbuild/san/libs/lib $(LDLIBS)

GROUPS := static gcc-units san-units corpora service boot
check: build/.needs-check ## the tests, with the boot of the real image (under 10 minutes)
	@rm -rf build/results
	@$(MAKE) -k -j$$(nproc) programs examples build/qemu || true
	@$(MAKE) -k -j2 $(filter-out service boot,$(GROUPS)) || true
	@$(MAKE) -k service boot || true
	@tests/run --sum $(GROUPS)
programs: gcc-objects san-objects $(FUZZERS:%=build/san/fuzz/%) $(foreach v,gcc san,$(patsubst tests/%.c,build/$(v)/tests/%.run,$(UNITS)))
static: | build/.needs-check ## layers, format, shell scripts, forbidden words
	@tests/run static tests/static/*.test
corpora: $(FUZZERS:%=build/san/fuzz/%) ## the fuzzers' seeds, once each
	@tests/run corpora tests/fuzz/replay.test
build/ingot-vsock-by-tcp: build/gcc/tests/service/vsock_by_tcp.o build/gcc/tools/ingot.o build/gcc/libingot.a
	@gcc -o $@ $^ -Lbuild/gcc/libs/lib $(LDLIBS)
service: $(patsubst tests/%.c,build/gcc/tests/%.run,$(UNITS)) build/ingot-vsock-by-tcp $(patsubst %,build/gcc/tests/service/%.run,gateway_alone http_reading) build/san/tests/service/gateway_alone.run build/ingot build/bzImage build/init $(wildcard tests/*/*.test) ## scripts that try parts against nginx, OpenSSL, curl
	@tests/run service $(filter-out tests/static/% tests/fuzz/% tests/boot/% tests/interop/% tests/reproducible/%,$(wildcard tests/*/*.test))
reproducible: build/.needs-check examples ## mirrors, disks and kills that spoil a build; what is rebuilt; what is packed
	@tests/run reproducible tests/reproducible/*.test
boot: build/.needs-check examples build/qemu ## the real image, booted
	@tests/run boot tests/boot/*.test
PEER := build/gcc/tests/interop/tls_server.run build/san/tests/interop/tls_server.run build/san/ingot#  our TLS server and client as programs
check-interop: build/.needs-interop build/watermark.eif build/qemu $(PEER) ## AWS's own reader, a Go server, the validators of what went in, six others' TLS
	@rm -f build/tls-matrix.txt
	@status=0; TLS_MATRIX=build/tls-matrix.txt tests/run interop tests/interop/*.test || status=1; cat build/tls-matrix.txt; exit $$status
	@tests/run --sum interop
check-long: check reproducible check-interop ## all of it at full length: fuzzers, soak, every memory size
	@$(MAKE) fuzz TIME=$(TIME)
	@LONG=1 tests/run long tests/boot/*.test tests/service/mishaps.test
	@tests/run --sum $(GROUPS) reproducible interop long
fuzz: $(FUZZERS:%=build/san/fuzz/%) ## TIME seconds of each fuzzer; prints executions and coverage
	@tests/fuzz/run $(TIME) $(FUZZERS)
	@$(MAKE) coverage
bench: bench-relay bench-enclave ## the relay beside socat, haproxy, a Python forwarder and none: table and docs/relay.svg (ROUNDS=9)
bench-relay: build/ingot build/bench/relay_load
	@tests/bench/relay
bench-enclave: build/ingot build/init build/bzImage build/qemu build/bench/relay_load ## the relay inside a booted enclave, software emulation
	@tests/bench/enclave
bench-tls: build/ingot build/bench/tls_server build/bench/tls_load build/bench/cost ## our TLS beside nginx's on the same keys, ingot call beside curl (ROUNDS=9)
	@tests/bench/tls
build/bench/relay_load build/bench/cost build/bench/tls_load: build/bench/%: tests/bench/%.c | build/.needs-bench
	@mkdir -p $(@D) && gcc -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $< $(if $(filter tls_load,$*),-lssl -lcrypto,-static)
build/bench/tls_server: tests/interop/tls_server.c $(CODE) $(HEADERS) $(PINNED) VERSION | build/.needs-eif
	@mkdir -p $(@D) && part=$$(reproducible/part bench) && cp -f "$$part/tls_server" $@ && touch $@
bench-boot: build/watermark.eif build/qemu ## figures of the booted image, medians of 5, software emulation
	@tests/bench/boot
bench-image: build/watermark.eif | build/.needs-interop ## build and describe beside AWS's tools, 10 MB and 300 MB
	@cargo install --quiet --locked --root '$(INGOT_CACHE)/cargo-eif_build' --version 0.2.1 eif_build
	@cd tests/reference && cargo build --quiet --locked --release --target-dir '$(INGOT_CACHE)/cargo-reference'
	@tests/bench/image

verify: ## everything once more, elsewhere, from nothing but the pinned inputs: the bytes of reproducible/pcrs.json?
	@reproducible/verify
verify-all: ## the same under other paths, times, users, hosts …: one hash (KERNEL='time order': the kernel too)
	@reproducible/verify-all $(VARIATIONS)
record: examples ## writes reproducible/pcrs.json anew from this build
	@reproducible/record > build/pcrs.json && mv build/pcrs.json reproducible/pcrs.json
format: ## clang-format over all of our C
	@clang-format-14 -i $(CODE) $(HEADERS) $(wildcard tests/*/*.[ch] examples/*/*.c)
clean: ## remove build/ (downloads and built parts stay in ~/.cache/ingot)
	@rm -rf build

.PHONY: always help eif relock man install examples run demo check programs static corpora service reproducible boot check-interop check-long coverage fuzz bench bench-relay bench-enclave bench-tls bench-boot bench-image verify verify-all sources record format clean \
	$(EXAMPLES:%=example-%) $(foreach v,gcc san,$(v)-units $(v)-objects)
