"""The report of a replay: one model, then terminal and files."""
