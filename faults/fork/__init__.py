"""A process that forks while all of its threads are at work, and what its children do."""
