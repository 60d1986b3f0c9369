"""Cost as Cost Management tells it: a stream where there is no export, totals where there is one."""
