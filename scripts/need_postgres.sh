#!/bin/sh
# Finds a PostgreSQL server for the tests, on the PATH or in Debian's directory. Otherwise installs
# Debian's package, if run by root on Debian. Without a server it prints a warning, and tests that need
# one are skipped; LABOXIDE_REQUIRE_POSTGRES=1 makes that an error.

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
echo "WARNING: no PostgreSQL server: the tests that need one will be skipped" >&2
[ "${LABOXIDE_REQUIRE_POSTGRES:-0}" = 0 ]
