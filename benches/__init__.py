"""The benchmark suite: laboxide beside other libraries and beside the limit of the machine."""
