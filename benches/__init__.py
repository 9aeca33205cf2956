"""The benchmark suite: laboxide beside what others write, and beside the limit of the machine."""
