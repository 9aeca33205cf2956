"""Mutants: builds of the engine with one step of the protocol left out or wrong, to test the tests.

`table.toml` lists the mutants, what finds each, and the edits that build them in. `table` applies
the edits to a copy of the sources (`faults.special_build`), and `finders` runs what finds a mutant.
"""
