"""What a database looks like: tables, columns, keys, indexes, logical types, and the order parents first."""
