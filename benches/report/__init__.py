"""The report of a run: tables, floors and pictures.

`records` merges the measurements of all passes. `table` and `floors` turn them into Markdown, the
latter by the functions in `figures`; `write` assembles ``table.md`` and ``summary.json``.
`pictures` draws from the summary alone, without a new run.
"""
