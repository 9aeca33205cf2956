"""Damaged objects: every way to read has to detect the damage."""
