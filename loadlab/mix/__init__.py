"""Mixes of operations that nobody wrote: derived from a schema, or taken from what a database has been asked."""
