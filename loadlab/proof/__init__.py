"""Proving an index: built on the copy that LoadLab seeded, measured under the scenario's own load, dropped again."""
