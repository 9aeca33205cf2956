#!/bin/sh
# Runs clippy instead of rustc for the crates of this clone; see rustc_of_clone.sh. `cargo clippy` uses
# the same wrapper path in every clone, so clones would reuse each other's results.
exec clippy-driver "$@" -D warnings
