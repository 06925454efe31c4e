"""Where a schema comes from: a DDL file, a live database, an application's models or migrations."""
