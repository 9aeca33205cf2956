"""The order of the system calls by which an object is published.

The driver logs operations with strace; `log` reads the files and names from the log, and `rules`
lists the violations: bytes written, size checked, flushed, named, the names flushed, returned.
"""
