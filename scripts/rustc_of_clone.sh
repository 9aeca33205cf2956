#!/bin/sh
# Runs rustc for the crates of this clone. Cargo hashes the path of this file into the names of their
# build products. Without it, clones that share a build directory would reuse each other's crates,
# because cargo compares only modification times and paths relative to the clone.
exec "$@"
