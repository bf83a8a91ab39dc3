# kernel.sh: our patches, tinyconfig and kernel.config make bzImage; an option that olddefconfig did not keep is an error.
# shellcheck shell=bash
ar p in/linux-source-*.deb data.tar.xz | tar -xJf - --wildcards '*/linux-source-*.tar.xz'
tar -xf usr/src/linux-source-*.tar.xz --exclude='*/Documentation/*/*' --exclude='*/tools/testing/*'
cd linux-source-*/ || exit
cat ../in/reproducible/patches/linux-*.patch | patch -p1
# The kernel's image names its builder: these names are everybody's.
kernel_make() {
    make -j"$INGOT_JOBS" ARCH=x86_64 KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=builder KBUILD_BUILD_HOST=enclave KBUILD_BUILD_VERSION=1 LOCALVERSION= "$@"
}
kernel_make V=0 tinyconfig
sed -n 's/^\(CONFIG_[A-Za-z0-9_]*\)=n$/# \1 is not set/p; /^CONFIG_.*=n$/d; /^CONFIG_/p' ../in/reproducible/kernel.config >../wanted
scripts/kconfig/merge_config.sh -m .config ../wanted
kernel_make V=0 olddefconfig
missing=0
while read -r line; do
    name=${line#\# } name=${name%%[= ]*}
    case $line in
    '#'*) grep "^$name=" .config && echo "kernel.config says $name=n: olddefconfig made that of it" && missing=1 ;;
    *) grep -qxF "$line" .config || { echo "kernel.config says $line: olddefconfig dropped it" && missing=1; } ;;
    esac
done <../wanted
[ $missing -eq 0 ]
kernel_make V=1 bzImage
cp arch/x86/boot/bzImage /build/out/
cp .config /build/out/config
