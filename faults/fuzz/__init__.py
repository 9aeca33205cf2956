"""Inputs made up by libFuzzer and by hypothesis."""
