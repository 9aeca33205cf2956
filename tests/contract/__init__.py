"""The contract of every storage.

`test_conformance` runs the conformance suite on every storage, and on broken ones. `test_contract`
covers storages written by users. `test_memory` and `test_put` cover MemoryStorage and `put` with
`get`; `test_progress` covers `progress=`. The other modules cover input: bad arguments, data and
digests, limits, large buffers, subclasses of str and int, used streams, and errors that FileStorage
and MemoryStorage must share.
"""
