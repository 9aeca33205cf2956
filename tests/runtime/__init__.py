"""The bridge to the event loops: cancellation, signals, forks, processes and resource limits."""
