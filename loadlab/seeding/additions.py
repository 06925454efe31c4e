"""What a growth adds to rows that are there: which of it can be added, how much it is, and its loading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from loadlab.data.additions import added_rows, additions, placed_in_others
from loadlab.data.growth import GrownDataset
from loadlab.engines.abilities import CanAddToRows
from loadlab.engines.protocol import Chunk, Engine
from loadlab.errors import DatabaseError, InputError
from loadlab.schema.model import Table
from loadlab.schema.nesting import Placement, address_of, identity_of
from loadlab.seeding.chunks import rows_in


def added(dataset: GrownDataset) -> Iterator[tuple[Placement, int]]:
    """How many new rows of each table come to rows of others that are there."""
    for placement in placed_in_others(dataset):
        table = placement.table
        count = added_rows(dataset, placement, dataset.earlier.row_count(table), dataset.row_count(table))
        if count:
            yield placement, count


def addition_notes(dataset: GrownDataset) -> tuple[str, ...]:
    """One line for each table whose rows come to rows that are there."""
    return tuple(_note(dataset, placement, count) for placement, count in added(dataset))


def _note(dataset: GrownDataset, placement: Placement, count: int) -> str:
    table, host = placement.table, placement.host
    new = dataset.row_count(table) - dataset.earlier.row_count(table)
    belong = f"{table}: {count:,} of {new:,} new rows belong to rows of {host} that are there"
    if placement.is_inside:
        return f"{belong}, and {'are appended to' if placement.many else 'become'} their {placement.field}"
    return f"{belong}, whose {placement.field} and {placement.counter} change"


def check_additions(engine: Engine, dataset: GrownDataset) -> None:
    """Raises DatabaseError for rows that cannot be added to those that they belong to, InputError as `add_chunk`."""
    for placement, count in added(dataset):
        reason = _obstacle(dataset, placement)
        if reason:
            raise DatabaseError(
                f"{engine.display_url}: {count:,} new rows of {placement.table} would come to rows of {placement.host} "
                f"that are there, and {reason}; seed an empty database at a larger --scale instead"
            )
        _require(engine)


def _obstacle(dataset: GrownDataset, placement: Placement) -> str:
    """Why nothing can be added to such hosts; "" where it can."""
    documents = dataset.nesting.documents
    if len(documents.path(placement.host)) > 1:
        return f"these stand in {documents.path(placement.host)[-1].host}, which stands in others itself"
    if not address_of(dataset.table(placement.host), documents.of(placement.host)):
        return f"{placement.host} has no key to find them by"
    if placement.is_inside and placement.many and not identity_of(dataset.table(placement.table), placement):
        return f"{placement.table} has no key, by which a growth that was interrupted would know what it has added"
    return ""


def _require(engine: Engine) -> CanAddToRows:
    if not isinstance(engine, CanAddToRows):
        raise InputError("loadlab grow", f"adds nothing to rows that are there with {engine.name} yet")
    return engine


def growth_rows(dataset: GrownDataset, chunk: Chunk) -> int:
    """The rows that come with a chunk of a growth."""
    if not chunk.later:
        return rows_in(dataset, chunk)
    placement = dataset.nesting.documents.of(chunk.table)
    # The rows of a hybrid have a chunk of their own.
    return added_rows(dataset, placement, chunk.start, chunk.stop) if placement.is_inside else 0


def add_chunk(engine: Engine, dataset: GrownDataset, chunk: Chunk) -> None:
    """Generate and add what of a chunk comes to rows that are there. Raises InputError where the engine cannot."""
    adds, placement = _require(engine), dataset.nesting.documents.of(chunk.table)
    identity = identity_of(dataset.table(chunk.table), placement)
    batches = additions(dataset, placement, chunk.start, chunk.stop)
    adds.add_to_rows(host_of(dataset, placement), placement, identity, batches)
    adds.note_chunk(chunk)


def host_of(dataset: GrownDataset, placement: Placement) -> Table:
    """The host with the columns of an addition alone."""
    table = dataset.stored_table(placement.host)
    address = address_of(table, dataset.nesting.documents.of(placement.host))
    names = [*address, placement.field, *([placement.counter] if placement.counter else [])]
    return replace(table, columns=tuple(table.column(name) for name in names))
