"""Forks of a process whose threads are at work, and children that use the storage.

`parent` runs two `hammer` loops, forks, and waits for each `child`. With `locks` it forks while
another thread holds a given lock of the engine.
"""
