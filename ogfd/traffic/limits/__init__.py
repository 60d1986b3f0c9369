"""How often a provider is asked, and when it is left alone: buckets, breakers, lanes."""
