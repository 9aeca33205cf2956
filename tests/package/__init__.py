"""The package as built.

`test_package` covers version and names, `test_buffers_are_typed` the types, checked by mypy.
`test_mutants` compares the table of mutants with the engine's source and its finders.
`test_build_folder` covers the build folder that clones share, and `test_needs` the skipping of
tests whose tools are missing.
"""
