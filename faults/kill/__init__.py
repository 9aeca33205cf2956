"""Processes that share a store, killed: what they do, what they told, what must be there then."""
