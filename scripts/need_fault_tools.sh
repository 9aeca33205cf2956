#!/bin/sh
# Installs the tools of the drivers in faults/ as Debian packages, if run by root on Debian. A driver
# whose tool is missing is skipped with a report; LABOXIDE_REQUIRE_FAULTS=1 makes that an error.

found() {
    for tool in strace fiu-run fsfreeze chattr mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.exfat \
        mount.exfat-fuse fusermount; do
        command -v "$tool" >/dev/null || return 1
    done
}

found && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing the tools of the fault drivers"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
            strace fiu-utils e2fsprogs util-linux xfsprogs btrfs-progs exfatprogs exfat-fuse fuse \
            >/dev/null
fi
found && exit
echo "WARNING: tools missing: some fault drivers will be skipped" >&2
[ "${LABOXIDE_REQUIRE_FAULTS:-0}" = 0 ]
