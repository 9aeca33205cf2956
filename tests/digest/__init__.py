"""Digests of values, streams and files, and `Hasher`.

Each module covers one function or class. The expected hashes come from the official BLAKE3 vectors,
the BLAKE3 reference implementation and hashlib; see tests/support/hashing.py.
"""
