"""Leaks of file descriptors, threads, temporary files and memory.

The driver repeats the operations of `faults.cancel`, and those that fail (`failing`), and compares
the resources of the process before and after (`held`). `controls` leak on purpose.
"""
