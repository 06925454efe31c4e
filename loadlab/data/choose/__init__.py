"""Which generator a column gets: the scenario's word first, then keys and constraints, then what name and type mean."""

from loadlab.data.choose.column import choose as choose
from loadlab.data.choose.context import TableContext as TableContext
