"""The order of the system calls by which an object is published."""
