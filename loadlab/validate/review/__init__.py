"""The review: what a schema, its indexes, its plans and its load show that an engineer would want to change."""
