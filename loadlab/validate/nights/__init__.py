"""Nights: runs of one scenario that are kept, compared with each other and judged by what changed."""
