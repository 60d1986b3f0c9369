"""The stream ``carbon``: the Carbon Footprint export."""
