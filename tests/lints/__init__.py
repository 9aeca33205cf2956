"""Lints in scripts/: words and layers."""
