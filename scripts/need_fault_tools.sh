#!/bin/sh
# Sees to it that the drivers of faults/ find what they call: Debian's packages, if this is root on a
# Debian. A driver that misses something says so; LABOXIDE_REQUIRE_FAULTS=1 makes that an error.

found() {
    for tool in strace fiu-run fsfreeze chattr mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.exfat \
        mount.exfat-fuse fusermount; do
        command -v "$tool" >/dev/null || return 1
    done
}

found && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing what faults are made with"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
            strace fiu-utils e2fsprogs util-linux xfsprogs btrfs-progs exfatprogs exfat-fuse fuse \
            >/dev/null
fi
found && exit
echo "WARNING: not all tools are here: some drivers will not run" >&2
[ "${LABOXIDE_REQUIRE_FAULTS:-0}" = 0 ]
