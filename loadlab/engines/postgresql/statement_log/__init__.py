"""PostgreSQL's csvlog and jsonlog, read as the statements that clients have sent."""
