"""What is compared: from the words of the command line to two scenarios and their databases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadlab.engines import DEFAULT_URL, is_scratch, mask
from loadlab.errors import InputError
from loadlab.sourcing import scenario_of
from loadlab.spec.comparison import COMPARISON_NAME, comparison_path, load_comparison
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.source import names_source

# `sqlalchemy:module` is a source of a schema; an address has a slash, or is that of the bundled server.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+]*:/|embedded:)")


@dataclass(frozen=True, slots=True)
class SideChoice:
    """One side. `database` is where it is filled, or has been, and may hold a secret."""

    label: str
    scenario: Scenario
    database: str = field(repr=False)
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What is compared with what. `question`, `control` and `min_effect` are those of a compare.yaml, if any."""

    name: str
    a: SideChoice
    b: SideChoice
    question: str = ""
    control: str | None = None
    min_effect: float | None = None


def choose_sides(
    a: str, b: str | None, *, scenario: Path | None, database_a: str | None, database_b: str | None
) -> Choice:
    """Raises InputError for what cannot be compared, and what `load_scenario` raises."""
    addresses = (database_a or DEFAULT_URL, database_b or DEFAULT_URL)
    if b is None:
        return _one(a, scenario, (database_a, database_b), addresses)
    if scenario is None and _kind(a) != _kind(b):
        raise InputError(
            mask(b),
            f"is a {_kind(b)}, and {mask(a)} a {_kind(a)}: each would have a load of its own; name two of one kind, or"
            " give two schemas the load of a --scenario",
        )
    first, second = (
        _side(text, which, scenario, address)
        for text, which, address in ((a, "a", addresses[0]), (b, "b", addresses[1]))
    )
    for side, option, said in ((first, "--database-a", database_a), (second, "--database-b", database_b)):
        if side.is_filled and said is not None:
            raise InputError(option, "is given twice: that side is the address of a database")
    first, second = _told_apart((first, a), (second, b))
    name = f"{first.label}-{second.label}" if first.label != second.label else first.label
    return _apart(Choice(name, first, second))


def _one(text: str, scenario: Path | None, said: tuple[str | None, str | None], addresses: tuple[str, str]) -> Choice:
    """A folder that holds both sides, or one scenario on two databases."""
    if scenario is not None:
        raise InputError("--scenario", "is for two schemas or databases; name both")
    found = comparison_path(Path(text))
    if found is not None:
        stated = load_comparison(found)
        (first, first_scenario), (second, second_scenario) = stated.sides
        return _apart(
            Choice(
                stated.name,
                SideChoice(first, first_scenario, addresses[0]),
                SideChoice(second, second_scenario, addresses[1]),
                stated.file.question,
                stated.file.control,
                stated.file.min_effect,
            )
        )
    if None in said:
        raise InputError(
            text,
            f"is one side: name the other, a folder with a {COMPARISON_NAME}, or give --database twice",
        )
    one = scenario_of(text)
    return _apart(Choice(one.name, SideChoice(one.name, one, addresses[0]), SideChoice(one.name, one, addresses[1])))


def _kind(text: str) -> str:
    if _ADDRESS.match(text):
        return "database"
    return "schema" if names_source(text) else "scenario"


def _side(text: str, which: str, scenario: Path | None, address: str) -> SideChoice:
    if _ADDRESS.match(text):
        own = load_scenario(scenario) if scenario is not None else scenario_of(None)
        file = own.file.model_copy(update={"schema_": None})
        return SideChoice(f"database {which}", replace(own, file=file), text, is_filled=True)
    if not names_source(text):
        if scenario is not None:
            raise InputError(
                "--scenario", "is for two schemas or databases; these are scenarios themselves", value=text
            )
        own = load_scenario(Path(text))
        return SideChoice(own.name, own, address)
    source = scenario_of(text)
    if scenario is None:
        return SideChoice(source.name, source, address)
    own = load_scenario(scenario)
    path = Path(text)
    reference = str(path.resolve()) if path.exists() else text
    file = own.file.model_copy(update={"schema_": reference})
    return SideChoice(source.name, replace(own, file=file), address)


def _told_apart(*sides: tuple[SideChoice, str]) -> tuple[SideChoice, SideChoice]:
    """Two variants of one scenario, as a rule copies of a folder, have its name: then their folders tell them apart."""
    (first, a), (second, b) = sides
    names = [Path(text).stem for text in (a, b)]
    if first.label != second.label or names[0] == names[1] or first.is_filled or second.is_filled:
        return first, second
    return replace(first, label=names[0]), replace(second, label=names[1])


def labelled_by_database(choice: Choice, servers: Sequence[str], addresses: Sequence[str]) -> Choice:
    """Sides of one name are told apart by their servers (product and version), or else by their masked addresses."""
    if choice.a.label != choice.b.label:
        return choice
    for labels in (servers, addresses):
        if labels[0] != labels[1]:
            return replace(choice, a=replace(choice.a, label=labels[0]), b=replace(choice.b, label=labels[1]))
    return choice


def _apart(choice: Choice) -> Choice:
    """Raises InputError for one database on both sides."""
    a, b = choice.a, choice.b
    if a.database == b.database and not is_scratch(a.database):
        raise InputError(
            "--database-b", "is the database of the other side; each needs its own", value=mask(b.database)
        )
    return choice
