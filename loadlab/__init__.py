"""From a database design and its performance targets to a verdict, measured on the real database."""

__version__ = "0.1.0"
