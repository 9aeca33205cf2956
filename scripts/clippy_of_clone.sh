#!/bin/sh
# Runs clippy in the place of rustc for the crates of this clone; see rustc_of_clone.sh. `cargo clippy`
# calls one program from every clone, and so would take the results of another clone for its own.
exec clippy-driver "$@" -D warnings
