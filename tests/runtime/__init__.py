"""Tests of the bridge between the engine and Python's event loops.

Tests of cancellation, chunk references and native call sequences run in the test process. The
others run programs in another process, in order to fork, to receive signals, to exit with work in
flight, or to lower the limits of descriptors and threads. `tests.support.scripts` runs them: each
program is the body of a function with the parameter `root`, a directory. Many tests assert only
that their program exits without error and in time, because the failure they look for is a deadlock.
"""
