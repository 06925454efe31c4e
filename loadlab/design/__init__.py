"""From a brief to a schema, and what is handed over with it."""
