"""Bound values, read from the detail of a logged execution.

`BuildParamLogString` (src/backend/nodes/params.c) writes `$1 = 'it''s', $2 = NULL`: the text form of each value between
apostrophes, those within it doubled and nothing else escaped, line ends and backslashes included. Newer versions say
`Parameters:` where older ones say `parameters:`.
"""

from __future__ import annotations

import re

_HEAD = re.compile(r"[Pp]arameters: ")
_ONE = re.compile(r"\$(\d+) = (?:(NULL)|'([^']*(?:''[^']*)*)')(, |\Z)")
CUT_OFF = "..."
"""What stands at the end of a value that `log_parameter_max_length` has cut off; others may end so too."""


def parse_parameters(detail: str) -> tuple[str | None, ...] | None:
    """The values in the order of their numbers, None for NULL; None for a detail that is no list of parameters.

    Raises ValueError, saying where, for a list that cannot be read.
    """
    head = _HEAD.match(detail)
    if head is None:
        return None
    values: list[str | None] = []
    position = head.end()
    goes_on = True
    while goes_on:
        match = _ONE.match(detail, position)
        if match is None or int(match[1]) != len(values) + 1:
            raise ValueError(f"the list of parameters cannot be read at ${len(values) + 1}")
        values.append(None if match[2] else match[3].replace("''", "'"))
        position, goes_on = match.end(), bool(match[4])
    return tuple(values)
