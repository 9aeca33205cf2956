#!/bin/sh
# Sees to it that the tests find a PostgreSQL server: one that is on the PATH or where Debian puts it,
# else Debian's package, if this is root on a Debian. Where neither is to be had it says so, and the
# tests that need one say so again; LABOXIDE_REQUIRE_POSTGRES=1 makes that an error.

found() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

found && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing PostgreSQL for the tests of laboxide.labox"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql >/dev/null
fi
found && exit
echo "WARNING: no PostgreSQL server here: the tests that need one will not run" >&2
[ "${LABOXIDE_REQUIRE_POSTGRES:-0}" = 0 ]
