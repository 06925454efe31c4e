"""`python -m loadlab` is the command line."""

from loadlab.cli import main

main()
