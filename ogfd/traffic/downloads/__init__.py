"""Objects become local files, whole or not at all, under a quota."""
