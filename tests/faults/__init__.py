"""Damaged objects and failing disks: detection, healing and durability.

Damage is written into the files of a store (`test_damage`, `test_healing`), or comes from a disk:
full, refusing writes at close, logging fsyncs, removing objects or losing extents, each a small
mounted file system of tests/support. `test_export_killed` kills processes. `test_drivers` covers
the fault drivers of faults/, which try the same at a larger scale.
"""
