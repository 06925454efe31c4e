"""Shape from production without its data: a database's statistics as the `data` section of a scenario."""
