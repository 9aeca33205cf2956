"""The documentation: every example runs, and every link has a target.

`test_docs` executes the Python blocks of all pages and the examples in docstrings.
`test_custom_storage` runs the conformance suite on the storage of docs/custom_storage.md.
"""
