#!/bin/sh
# Prints the folder that clones share for compiled code, or nothing if the cache is not writable. Each
# Cargo.lock has its own; a folder that no command has used for two weeks is removed.
set -eu

cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/laboxide
current=$cache/target-$(cksum <Cargo.lock | cut -d' ' -f1)
mkdir -p "$current" 2>/dev/null && touch "$current/last-used" 2>/dev/null || exit 0
for other in "$cache"/target-*; do
    if [ -n "$(find "$other/last-used" -mtime +14 2>/dev/null)" ]; then
        rm -rf "$other"
    fi
done
echo "$current"
