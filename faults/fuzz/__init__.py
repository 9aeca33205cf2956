"""Inputs made up by libFuzzer (`driver`, `fuzzer`) and by hypothesis (`hypothesis_inputs`)."""
