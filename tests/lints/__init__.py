"""Lints in scripts/: `check_words` for prose and `check_layers` for imports.

Each test plants one problem in a temporary tree and expects the lint to report exactly that.
"""
