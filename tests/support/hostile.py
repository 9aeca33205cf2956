"""Malicious strings for fields that expect a name, a hash or a path."""

from __future__ import annotations

from tests.support.hostile_paths import ABSOLUTE, PARENTS, QUOTED, RESERVED, URIS

CONTROLS = (
    "",
    " ",
    "  ",
    "\0",
    "\0\0",
    "\0a",
    "a\0",
    "a\0b",
    "before\0/after",
    "\n",
    "\r\n",
    "a\nb",
    "a\rb",
    "a\tb",
    "\x01",
    "\x07",
    "\x08\x08\x08",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x7f",
    "\x80",
    "\x85",
    "\x9b",
    "a b",
    "a ",
    " a",
    "a.",
    "a\u00a0b",
)

UNICODE = (
    "\u202e",
    "\u202egpj.exe",
    "\u200b",
    "a\u200bb",
    "\ufeff",
    "\ufeffa",
    "\ufffd",
    "\uffff",
    "\u2028",
    "\u2029",
    "\u2024\u2024/canary/secret",  # ONE DOT LEADER
    "\uff0e\uff0e/canary/secret",  # FULLWIDTH FULL STOP
    "\uff0e\uff0e\uff0fcanary\uff0fsecret",  # FULLWIDTH SOLIDUS
    "..\u2215canary\u2215secret",  # DIVISION SLASH
    "..\u2044canary",  # FRACTION SLASH
    "..\u29f8canary",  # BIG SOLIDUS
    "..\u2216canary",  # SET MINUS
    "\u0663" * 64,  # ARABIC-INDIC DIGIT THREE
    "\uff10" * 64,  # FULLWIDTH DIGIT ZERO
    "\u0430" * 64,  # CYRILLIC SMALL LETTER A
    "\u0131" * 64,  # LATIN SMALL LETTER DOTLESS I
    "bl\u0430ke3",
    "\u017fha256",  # LATIN SMALL LETTER LONG S
    "sha\u0662\u0665\u0666",
    "e\u0301",
    "\u00e9",
    "\ufb01le",
    "\u0301" * 100,
    "\U0001f4a9",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0010ffff",
    "\u65e5\u672c\u8a9e",
    "\u0645\u0644\u0641",
)

SURROGATES = (
    "\ud800",
    "\udc80",
    "\udcff",
    "a\udc80b",
    "\udc2e\udc2e/canary",
    "..\udc2fcanary",
    "/\ud800",
    "\ud83d\ude00",
    "\ude00\ud83d",
    "\udc00" * 64,
)

CODE = (
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "| touch canary",
    "&& touch canary",
    "${HOME}",
    "$HOME/a",
    "%HOMEPATH%",
    "%s%s%s%n",
    "%(a)s",
    "{0.__class__}",
    "{content_hash}",
    "{}",
    "${jndi:ldap://a/b}",
    "' OR '1'='1",
    "'; DROP TABLE records; --",
    '"',
    "'",
    "\\'",
    "<script>alert(1)</script>",
    "<!--",
    "]]>",
    "*",
    "?",
    "[a-z]",
    "**/*",
    "a*b",
    "!",
    "#",
    "a;b",
    "a,b",
    "a=b",
    "a|b",
    "a>b",
    "a<b",
    "a&b",
    "(",
    ")",
)

NAMES = (
    "md5",
    "MD5",
    "sha1",
    "sha512",
    "sha-256",
    "SHA256",
    "Sha256",
    "sha256 ",
    " sha256",
    "sha256\0",
    "sha256\n",
    "sha256/",
    "sha256/..",
    "BLAKE3",
    "Blake3",
    "blake2b",
    "blake3 ",
    "blake3\0",
    "blake3\n",
    "blake33",
    "blake",
    "text/plain",
    "text/../plain",
    "../text/plain",
    "text/plain\r\nX-Injected: a",
    "text/plain; charset=../../canary",
    "image/../../canary/secret",
    "application/x-\0",
    "/",
    "a/b/c/d",
    "gzip, ../canary",
)

HASHES = (
    "0" * 63,
    "0" * 65,
    "0" * 128,
    "A" * 64,
    "g" * 64,
    "0x" + "0" * 62,
    "0" * 63 + "\n",
    "0" * 63 + "\0",
    "0" * 63 + " ",
    " " + "0" * 63,
    "-" + "0" * 63,
    "+" + "0" * 63,
    "0" * 31 + "_" + "0" * 32,
    "../" * 21 + "a",
    "/" * 64,
    "." * 64,
    "\0" * 64,
    "%30" * 21 + "0",
)

LONG = (
    "a" * 256,
    "a" * 4097,
    "a" * 1_000_000,
    "a/" * 3000 + "a",
    "/" * 5000,
    "../" * 100_000,
    "\0" * 100_000,
    "\u65e5" * 100,
    "\U0001f4a9" * 70,
    "'" * 100_000,
    "\udc80" * 10_000,
)

GROUPS: dict[str, tuple[str, ...]] = {
    "parents": PARENTS,
    "absolute": ABSOLUTE,
    "quoted": QUOTED,
    "reserved": RESERVED,
    "URIs": URIS,
    "controls": CONTROLS,
    "unicode": UNICODE,
    "surrogates": SURROGATES,
    "code": CODE,
    "names": NAMES,
    "hashes": HASHES,
    "long": LONG,
}
"""All strings by group."""
