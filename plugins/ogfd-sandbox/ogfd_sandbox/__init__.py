"""Local stand-ins of the clouds for ogfd."""
