"""Tests of the package, in one folder for each subject."""
