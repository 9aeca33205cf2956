"""The benchmark suite: laboxide beside other libraries and beside the limit of the machine.

A *row* is an operation and a variant of it, with one *case* per *contestant*. `suite/` lists the
cases of each row; `measuring` turns a case into a *trial*, runs it and checks its content. A trial
of a library runs on an event loop (`loops`) and calls a peer in `peers/`; a trial of the limit asks
the reference program (`limit`, `reference/`). `lab` holds the directories and stored objects that
all trials share.

`run` repeats the suite in several passes and hands their measurements to `report/`. `compare` does
the same with two revisions of the package, `scaling` with different numbers of cores. `demo` and
`labox` are scripts of their own over the same parts.
"""
