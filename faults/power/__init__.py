"""Power cuts, and devices that fail: the contents of the device against the promises of the store.

`writer` writes `objects` and announces the promise for each; `check` compares a store with these
promises. Both run in `processes` that can be killed. `device` is a disk that records each write
and flush, or fails at one. The drivers are `cut`, `block_states` and `io_errors`.
"""
