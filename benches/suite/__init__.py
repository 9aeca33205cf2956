"""The rows of the report, one module per operation."""
