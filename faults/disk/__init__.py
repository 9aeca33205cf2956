"""Disks that are full, frozen, hung, read-only, immutable, or lack a feature.

Each module without a helper's role is a driver. `blocked` has the operations that wait for a hung
disk, `exiting` the process that ends while they wait, `short_io_child` the process under libfiu.
"""
