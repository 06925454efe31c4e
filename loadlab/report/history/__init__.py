"""A history of nights: what it holds, drawn and in words."""
