"""The dataset as files: the same rows as in a database, without one."""
