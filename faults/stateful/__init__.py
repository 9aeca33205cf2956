"""Random operations on a store, compared with a model of it."""
