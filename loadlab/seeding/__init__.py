"""Filling a database: chunks, workers, the ledger that lets a killed run resume, progress."""
