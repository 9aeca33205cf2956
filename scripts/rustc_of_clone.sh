#!/bin/sh
# Runs rustc for the crates of this clone. Cargo hashes the path of this file into the names of what it
# builds of them: clones that share a build folder would otherwise take each other's crates, as cargo
# goes by times and paths within the clone.
exec "$@"
