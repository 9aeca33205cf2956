"""The rows of the report, one module per operation.

Each module has a function `cases` that yields the cases of its rows, and imports `bench_case`, the
one test function, which pytest parametrizes with them (`conftest`). `jobs` has the work and the
checks that several modules share. Names of rows are keys: `report.floors` and the stored results
refer to them.
"""
