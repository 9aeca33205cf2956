"""Hostile input and hostile users.

Untrusted values are hashes, keys, roots, sizes, tags and whole pointers; untrusted files are FIFOs,
devices, links and swapped directories; untrusted users share a store with other rights. The table
of docs/security.md names the tests of each threat.
"""
