"""The report of a search for the capacity: its model, then terminal, HTML and JSON."""
