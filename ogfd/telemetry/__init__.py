"""
Metrics, logs and what the service manager is told.

Each is imported from its own module: every command logs, few have metrics.
"""
