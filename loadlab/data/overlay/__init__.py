"""What lies over the generated rows: rows written by hand, and values computed from other rows."""
