"""What a schema asks of the rows of a table: facts of CHECKs, keys, foreign keys, partitions."""
