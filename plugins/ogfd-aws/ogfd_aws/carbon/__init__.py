"""The carbon footprint that AWS reports, from its own API."""
