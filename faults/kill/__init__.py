"""SIGKILL at every system call (`at_syscalls`), and at random in two processes (`at_random`).

For `at_random`, a `worker` uses a store and reports each operation; the driver controls it through
a `process.Process`, and `history` decides which states of the objects the reports allow.
"""
