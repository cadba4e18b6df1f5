"""The shell: an interactive SQL shell, and the command line."""
