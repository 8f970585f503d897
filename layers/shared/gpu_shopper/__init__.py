"""Cloud GPU Shopper: rents commodity GPUs and proves that every rental ends."""

__version__ = "0.1.0"
