"""Writes the reference documents below `docs/` from the code that they describe."""
