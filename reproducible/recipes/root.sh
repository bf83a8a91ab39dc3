# root.sh: how a pinned root is laid out from its packages. Sourced by `root`; apart from the packages themselves, this file alone decides what is in it.
# shellcheck shell=bash

# The data of one .deb, which is an ar archive of three members.
unpack_deb() {
    local member
    member=$(ar t "$1" | grep '^data\.tar')
    ar p "$1" "$member" | tar -x -J -f - -C "$2" --keep-directory-symlink --no-same-owner --no-same-permissions
}

# What the packages' scripts and update-alternatives would have done.
make_links() {
    ln -s mawk "$1/usr/bin/awk"
    ln -s gcc "$1/usr/bin/cc"
    ln -s bison.yacc "$1/usr/bin/yacc"
    [ -e "$1/usr/bin/sh" ] || ln -s dash "$1/usr/bin/sh"
}

# unpack_root FOLDER DEB…
unpack_root() {
    local new=$1 folder deb
    shift
    mkdir -p "$new"/{usr/{bin,sbin,lib,lib64,lib32,libx32},dev,proc,tmp,build,opt}
    for folder in bin sbin lib lib64 lib32 libx32; do ln -s "usr/$folder" "$new/$folder"; done
    for deb; do
        while [ "$(jobs -rp | wc -l)" -ge 4 ]; do wait -n; done
        unpack_deb "$deb" "$new" &
    done
    while [ -n "$(jobs -p)" ]; do wait -n; done
    make_links "$new"
}
