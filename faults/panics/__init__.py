"""Panics of the engine, made on purpose."""
