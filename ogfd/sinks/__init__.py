"""The sinks that come with ogfd, written as a stranger would: they import `ogfd.plugin` only."""
