"""Fault drivers: programs that break the system below laboxide and check the promises it makes.

Each folder holds one kind of fault: its drivers, and the helpers of these. `registry` lists all
drivers; a driver is a `driver.Driver`, and one run of it fills in a `driver.Trial`.

- `python -m faults` runs all drivers of a tier side by side (`__main__`) and prints a table
  (`results`). `night` keeps the state of a night that was stopped.
- `python -m faults.one NAME` runs a single driver in its own process.
- `file_systems`, `operations`, `loops` and `special_build` serve several folders: file systems in
  images, store operations, event loops, and the build with mutants.
"""
