"""The report of a forecast: its model, then terminal, HTML and JSON."""
