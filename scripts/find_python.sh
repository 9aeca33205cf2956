#!/bin/sh
# Prints the first candidate that is CPython 3.11 or newer with venv and ensurepip.
# Arguments: the candidates. A name on the PATH may be a version manager's shim, so each is run.

for candidate in "$@"; do
    if "$candidate" -c '
import sys, venv, ensurepip
sys.exit(sys.implementation.name != "cpython" or sys.version_info < (3, 11))
' >/dev/null 2>&1; then
        echo "$candidate"
        exit
    fi
done
