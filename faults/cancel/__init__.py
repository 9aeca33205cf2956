"""Cancellation of every operation at every suspension, and streams left at every chunk.

An `attempt` runs one of the `operations` and ends it at its k-th suspension in one of several
`ways`; `leaving` closes streams. All of them work in a `world` of stores, beside a `bystander` that
must not notice. In `trouble`, the disk is full or objects are torn as well.
"""
