# emulator.sh: QEMU for x86-64 guests with KVM and TCG and the nitro-enclave machine, together with its loader and libraries, so that it runs on any x86-64 Linux.
# shellcheck shell=bash
mkdir qemu firmware
tar -xf in/qemu_*.orig.tar.xz -C qemu --strip-components=1
ar p in/qemu-system-data_*.deb data.tar.xz | tar -xJf - -C firmware
mkdir qemu/build
cd qemu/build || exit
../configure --python=/usr/bin/python3 --target-list=x86_64-softmmu --without-default-features --enable-kvm --enable-tcg --enable-vhost-user --enable-gnutls --enable-libcbor \
    --enable-fdt=system --disable-tools --disable-docs --disable-install-blobs --disable-debug-info --disable-werror --disable-download --extra-cflags="-g0 -ffile-prefix-map=/build/qemu=."
ninja -v -j"$INGOT_JOBS" qemu-system-x86_64
strip qemu-system-x86_64

out=/build/out
mkdir -p "$out/lib" "$out/firmware"
cp qemu-system-x86_64 "$out/lib/qemu-system-x86_64.elf"
cp -L /lib64/ld-linux-x86-64.so.2 "$out/lib/"
/lib64/ld-linux-x86-64.so.2 --list ./qemu-system-x86_64 | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do cp -L "$library" "$out/lib/"; done
cp /build/firmware/usr/share/qemu/qboot.rom /build/firmware/usr/share/qemu/linuxboot_dma.bin "$out/firmware/"
cat >"$out/qemu-system-x86_64" <<'WRAPPER'
#!/bin/sh
# Starts QEMU with the loader, libraries and firmware beside it: nothing of the host's user space is used.
here=$(dirname "$(readlink -f "$0")")
unset LD_LIBRARY_PATH LD_PRELOAD
exec "$here/lib/ld-linux-x86-64.so.2" --library-path "$here/lib" "$here/lib/qemu-system-x86_64.elf" -L "$here/firmware" "$@"
WRAPPER
chmod 755 "$out/qemu-system-x86_64"
"$out/qemu-system-x86_64" -M help | grep nitro-enclave
"$out/qemu-system-x86_64" -accel help | grep kvm
