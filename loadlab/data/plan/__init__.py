"""From a schema and what is asked for to a plan: rows of each table, relations, a generator a column."""
