"""Builds of the engine that watch themselves, and what it takes to make them."""
