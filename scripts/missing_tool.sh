#!/bin/sh
# Prints one line about the first missing tool, or nothing.
# Arguments: any of `rust`, `lint` and `c`. The Makefile turns the line into its own error.

required=88 # the minor version of `rust-version` in Cargo.toml

rust() {
    minor=$(cargo --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9][0-9]*\).*/\1/p')
    if [ -z "$minor" ]; then
        echo "laboxide needs cargo 1.$required or newer to build; install it from https://rustup.rs"
    elif [ "$minor" -lt "$required" ]; then
        echo "laboxide needs cargo 1.$required or newer to build; found 1.$minor:" \
            "run \`rustup update\` or install it from https://rustup.rs"
    fi
}

lint() {
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        echo "the checks need rustfmt and clippy; run \`rustup component add rustfmt clippy\`"
    fi
}

# Compiles and links a program, because the build also needs the headers of the C library.
c() {
    program=$(mktemp)
    if ! echo '#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' | cc -x c -o "$program" - >/dev/null 2>&1; then
        echo "laboxide needs a C compiler named cc, with its C library, to build;" \
            "install gcc or clang"
    fi
    rm -f "$program"
}

for tool in "$@"; do
    line=$("$tool")
    if [ -n "$line" ]; then
        echo "$line"
        exit
    fi
done
