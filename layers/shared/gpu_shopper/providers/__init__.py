"""Adapters of the companies that rent GPUs: their words in, our words out."""
