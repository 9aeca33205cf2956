"""Mutants: builds of the engine with one step of the protocol left out or wrong, to test the tests.

`table.toml` lists the mutants, the test or driver that finds each, and the edits that build them
in. `table` applies the edits to a copy of the sources (`faults.special_build`). `finders` runs the
tests (`forked_tests`) and the drivers.
"""
