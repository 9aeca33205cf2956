"""Panics of the engine on purpose: exceptions that leave nothing behind."""
