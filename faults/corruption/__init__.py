"""Damaged objects: every way to read has to refuse them."""
