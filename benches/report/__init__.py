"""The report of a run: tables, floors and pictures."""
