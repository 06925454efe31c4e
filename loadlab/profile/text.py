"""A profile as the text of a YAML file: first what it shows of the real data, then the shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from loadlab import __version__
from loadlab.profile.shape import Profile

_WIDTH = 118


class _Dumper(yaml.SafeDumper):
    """Keys in their order; lists of plain values on lines of their own."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    plain = all(not isinstance(item, (dict, list)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=plain)


_Dumper.add_representer(list, _list)


def profile_text(profile: Profile) -> str:
    """The file. What it shows of real data stands in its head."""
    head = [
        f"# The shape of a database's data, read from its statistics by LoadLab {__version__}; no table was read.",
        "# A scenario uses it as data: {profile: FILE}; what the scenario says itself goes first.",
        "#",
    ]
    if profile.real_values:
        head.append("# Real values stand in")
        head += [f"#   {name}: {what}" for name, what in profile.real_values.items()]
    else:
        head.append("# No column shows a real value.")
    if profile.rounded:
        head += ["# Rounded bounds of real values stand in", *_lines(profile.rounded)]
    if profile.notes:
        head += ["# Notes", *[f"#   {note}" for note in profile.notes]]
    body = yaml.dump(
        {"data": {"tables": profile.tables}}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return "\n".join(head) + "\n" + body


def _lines(names: Iterable[str]) -> list[str]:
    lines, line = [], "#  "
    for name in names:
        if len(line) + len(name) + 2 > _WIDTH:
            lines.append(line)
            line = "#  "
        line += f" {name},"
    return [*lines, line.rstrip(",")]
