"""Cost as Cost Explorer tells it: a stream where there is no export, totals where there is one."""
