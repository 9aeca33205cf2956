"""Random operations on a store, compared with a model of it.

`machine` has the operations as rules of hypothesis, built from `steps`; `model` says which states
each object may have; `disk` changes files behind the back of the store.
"""
