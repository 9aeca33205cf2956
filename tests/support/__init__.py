"""Helpers that several test modules share.

`storing` writes, reads and inspects stores; `hashing` and `blake3_vectors` supply inputs with known
hashes; `failing` asserts that a failed write leaves nothing behind; `damage` corrupts objects and
lists every operation that must notice. `auditing` fills stores for audits. `scripts` and
`few_descriptors` run a program in another process. `images` mounts file systems: images on loop
devices, or the FUSE programs `refusing_disk`, `flushing_disk` and `collecting_disk`. `hostile` and
`hostile_paths` list malicious strings. `labox_world`, `labox_databases` and `adopting` set up
Labox. `needs` skips tests whose tools are missing.
"""
