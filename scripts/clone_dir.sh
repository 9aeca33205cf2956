#!/bin/sh
# Prints the folder with the wrappers of this clone, which is made when it is missing. No other clone has its
# path, not even an earlier one in the same place, whose crates cargo would reuse if its files are newer.
set -eu

for folder in target/clone-*; do
    if [ -x "$folder/rustc_of_clone.sh" ] && [ -x "$folder/clippy_of_clone.sh" ]; then
        echo "$PWD/$folder"
        exit
    fi
done
mkdir -p target 2>/dev/null && folder=$(mktemp -d target/clone-XXXXXXXXXX 2>/dev/null) || exit 0
ln -s ../../scripts/rustc_of_clone.sh ../../scripts/clippy_of_clone.sh "$folder"
echo "$PWD/$folder"
