"""From what a run found out to what people and programs read: one model, then terminal, HTML and JSON."""
