"""ogfd keeps an exact, current copy of cloud usage, cost and carbon in the store you choose."""

__version__ = "0.1.0"
