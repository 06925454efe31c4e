"""The dataset: a cell is a pure function of (seed, table, column, row)."""
