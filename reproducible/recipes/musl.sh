# musl.sh: the C library, under /opt/musl with a compiler wrapper whose -static-pie is a true one (Debian's musl-gcc makes a dynamic PIE of it).
# shellcheck shell=bash
tar -xf in/musl_*.orig.tar.gz
cd musl-*/ || exit
cat ../in/reproducible/patches/musl-*.patch | patch -p1
CFLAGS="-Os -g0 -fstack-protector-strong -ffunction-sections -fdata-sections -ffile-prefix-map=$PWD=." ./configure --prefix=/opt/musl --disable-shared --enable-wrapper=gcc
make -j"$INGOT_JOBS" AR='ar' ARFLAGS=rcD RANLIB='ranlib -D'
make install DESTDIR=/build/out
# The wrapper's specs know no -static-pie: it would silently become a dynamic PIE with an interpreter that no enclave has.
specs=/build/out/opt/musl/lib/musl-gcc.specs
sed -i -e 's,%{!shared: \(/opt/musl/lib/\)Scrt1.o},%{static-pie:\1rcrt1.o;!shared:\1Scrt1.o},' \
    -e 's,^-dynamic-linker [^ ]* -nostdlib,%{static-pie:-static -pie --no-dynamic-linker -z text;:-dynamic-linker /lib/ld-musl-x86_64.so.1} -nostdlib,' \
    "$specs"
grep -q 'rcrt1.o;' "$specs" && grep -q 'no-dynamic-linker' "$specs"
# linux/vm_sockets.h and the like; not -idirafter /usr/include, where glibc's headers are.
ln -s /usr/include/linux /build/out/opt/musl/include/linux
ln -s /usr/include/asm-generic /build/out/opt/musl/include/asm-generic
ln -s /usr/include/x86_64-linux-gnu/asm /build/out/opt/musl/include/asm
