#!/bin/sh
# Runs rustc for the crates of this clone. Cargo hashes the path of this file into the names of their build
# products. Without it, clones with one build folder would reuse each other's crates, because cargo compares
# times and paths within the clone alone.
exec "$@"
