"""The fixtures of the pytest plugin, whether or not this checkout was installed with it."""

from ogfd.testing.pytest_plugin import ogfd_context, ogfd_output

__all__ = ["ogfd_context", "ogfd_output"]
