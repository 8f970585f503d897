"""Vast.ai: market, search, instances and account in its real wire format."""
