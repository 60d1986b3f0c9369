"""HTTP: one client for each connector, where it may go, by which way, and what it trusts."""
