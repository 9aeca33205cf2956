"""The documentation: examples, links and cross references."""
