"""Generators of columns: one kind of value a module, and those made of others."""
