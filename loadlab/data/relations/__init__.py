"""Which parent a child row has: patterns, runs of children, unranked combinations, parents that agree."""
