"""The storage contract: what every storage does with data, digests, pointers and bad input."""
