"""The contestants, each written the way its users write it.

All have the interface in `contract`: write and read a stream, write and read a value, import a
file. They differ in hash, verification and use of threads; the descriptions in
`benches.contestants` and the README say how. A peer returns the location, size and hash of an
object, and the suite checks them against the file on disk.
"""
