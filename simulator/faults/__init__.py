"""Fault rules: what can go wrong at a provider, when, and to whom."""
