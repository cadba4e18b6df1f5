"""The backslash commands: one table, and the functions behind it by subject."""
