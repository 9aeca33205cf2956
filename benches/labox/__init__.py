"""Whole saves through the Labox framework, with and without laboxide."""
