"""Digests of values, streams and files, and the hashers below them."""
