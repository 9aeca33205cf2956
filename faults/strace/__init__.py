"""Operations of a storage under strace, for the drivers that kill, fail or log their system calls.

A `child.Child` is a process that performs `operations` as its driver demands (`subject`). `trace`
attaches strace to its `threads`; `points` lists the system calls of an undisturbed run, and `state`
compares the files of the store before and after.
"""
