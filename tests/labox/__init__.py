"""Tests of laboxide as storage for Labox.

`test_registry` passes the storages to Labox, `test_storage` compares the drop-in replacement with
Labox's own file storage, and `test_records` saves and loads through a database. `test_accelerate`
covers hashing off the event loop, the three `test_adopt*` files cover moving existing content, and
`test_damage` covers damaged files and killed processes. Tests with records run on asyncio alone.
"""
