#!/bin/sh
# Prints the build directory that all clones with the same Cargo.lock share, or nothing if the cache is
# not writable. Removes build directories that were last used more than two weeks ago.
set -eu

cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
case $cache in
/*) cache=$cache/laboxide ;;
*) exit 0 ;; # no home directory, or a path that depends on the working directory
esac
current=$cache/target-$(cksum <Cargo.lock | cut -d' ' -f1)
mkdir -p "$current" 2>/dev/null && touch "$current/last-used" 2>/dev/null || exit 0
# Cargo runs build scripts in the folder, and locks it on each file system but NFS.
chmod u+x "$current/last-used" 2>/dev/null && [ -x "$current/last-used" ] || exit 0
case $(stat -f -c %T "$current" 2>/dev/null) in
nfs*) exit 0 ;;
esac
# Under sudo, which may keep HOME, cargo would leave files that the user cannot replace.
[ -O "$current" ] || exit 0
for other in "$cache"/target-*; do
    if [ -n "$(find "$other/last-used" -mtime +14 2>/dev/null)" ]; then
        rm -rf "$other" 2>/dev/null || :
    fi
done
echo "$current"
