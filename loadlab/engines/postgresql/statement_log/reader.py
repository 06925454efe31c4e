"""From the records of a log to the statements that were executed.

What the server writes, and when, is in `exec_simple_query`, `exec_parse_message`, `exec_bind_message`,
`exec_execute_message` and `check_log_duration` (src/backend/tcop/postgres.c):

- log_min_duration_statement: of the simple protocol `duration: … ms  statement: …`; of the extended one a line each for
  `parse NAME`, `bind NAME` and `execute NAME`, the values as the detail of the last two;
- log_statement and log_duration: `statement: …` and later `duration: … ms`; of the extended protocol bare durations of
  parse and of bind, then `execute NAME: …` with the values, and later its bare duration.

A statement's duration is here that of parse, bind and execute, as far as they are logged, because that is what its
client waited for; of one that was prepared under a name before, without parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadlab.engines.abilities import LeftOut, LoggedStatement, LogItem, LogNote
from loadlab.engines.postgresql.render import DIALECT
from loadlab.engines.postgresql.statement_log.clock import LogClock
from loadlab.engines.postgresql.statement_log.parameters import CUT_OFF, parse_parameters
from loadlab.engines.postgresql.statement_log.records import (
    LogRecord,
    TruncatedError,
    first_records,
    form_of,
    head_of,
    records,
)
from loadlab.engines.postgresql.statement_log.shapes import meaning_of, shape_of
from loadlab.errors import InputError

_DURATION = re.compile(r"duration: ([0-9.]+) ms(?:  )?")
_SIMPLE = re.compile(r"statement: ")
_PHASE = re.compile(r"(parse|bind|execute fetch from|execute) ([^:\n]*): ", re.DOTALL)
_UNNAMED = "<unnamed>"
_PARAMETER = re.compile(r"\$\d")
_READ_WRITE = re.compile(r",?\s*\bread\s+write\b", re.IGNORECASE)
_FAILURES = {"ERROR", "FATAL", "PANIC"}
_OWN_NAME = "loadlab"
_SAME_SHAPES_MAX = 4096
# Records of sessions that run at the same time may stand in another order in another form of the log.
_HEAD_RECORDS = 50


@dataclass(slots=True)
class _Pending:
    """A statement that was logged when it began; its duration follows. `is_prepared` is None for a simple one."""

    text: str
    detail: str
    is_prepared: bool | None


@dataclass(slots=True)
class _SessionState:
    """What of a session is known when its next record comes. Durations in ms."""

    pending: _Pending | None = None
    parsed_ms: dict[str, float] = field(default_factory=dict)
    bound_ms: dict[str, float] = field(default_factory=dict)
    nameless_ms: dict[str, float] = field(default_factory=dict)
    """Of phases whose line tells no name."""

    @property
    def is_blank(self) -> bool:
        return self.pending is None and not (self.parsed_ms or self.bound_ms or self.nameless_ms)


class PostgresqlStatementLog:
    """See `loadlab.engines.abilities.StatementLog`."""

    engine = DIALECT

    def reads(self, path: Path) -> bool:
        return form_of(head_of(path)) is not None

    def items(self, paths: Sequence[Path], *, database: str | None) -> Iterator[LogItem]:
        heads = {path: first_records(path, _HEAD_RECORDS) for path in paths}
        kept: list[Path] = []
        for path in sorted(heads, key=lambda path: heads[path][0].stamp if heads[path] else ""):
            same = next((other for other in kept if _share_a_record(heads[other], heads[path])), None)
            if same is None:
                kept.append(path)
            else:
                # csvlog and jsonlog side by side, or a copy: what happened once is replayed once.
                yield LogNote(f"{path} has records of {same} and is left out: it is the same log.")
        yield from _Reading(database).items(kept)


class _Reading:
    """One pass over a log."""

    def __init__(self, database: str | None) -> None:
        self._database, self._wanted = database, database
        self._clock = LogClock()
        self._sessions: dict[str, _SessionState] = {}
        self._shapes: dict[str, str] = {}
        self._cut_off = 0

    def items(self, paths: Iterable[Path]) -> Iterator[LogItem]:
        for path in paths:
            try:
                for record in records(path):
                    yield from self._of_record(path, record)
            except TruncatedError:
                yield LogNote(f"{path} ends in the middle of a record, which is left out: it may still be written to.")
        if self._cut_off:
            yield LogNote(
                f"{self._cut_off:,} bound values end in {CUT_OFF!r}: if log_parameter_max_length has cut them off, they"
                " were replayed so."
            )
        for state in self._sessions.values():
            if state.pending is not None:
                yield LeftOut("statements whose duration is not in the log")

    def _of_record(self, path: Path, record: LogRecord) -> Iterator[LogItem]:
        if record.severity in _FAILURES:
            yield from self._failure(record)
            return
        if record.severity != "LOG" or not record.session:
            yield LeftOut("records that are no statements")
            return
        duration = _DURATION.match(record.message)
        text = record.message[duration.end() :] if duration else record.message
        if duration is None and not _SIMPLE.match(text) and not _PHASE.match(text):
            yield LeftOut("records that are no statements")
        elif record.application == _OWN_NAME:
            yield LeftOut("statements of LoadLab itself")
        elif not self._is_wanted(path, record):
            yield LeftOut(f"statements of the database {record.database}")
        elif duration is None:
            yield from self._begun(record, text)
        else:
            yield from self._ended(record, float(duration[1]), text)

    def _failure(self, record: LogRecord) -> Iterator[LogItem]:
        state = self._sessions.get(record.session)
        if state is not None:
            state.pending = None
            state.nameless_ms.clear()
        if record.statement and self._database in (None, record.database):
            yield LeftOut(f"statements that failed in the log ({record.code or record.severity})", record.session)
        else:
            yield LeftOut("records that are no statements")

    def _is_wanted(self, path: Path, record: LogRecord) -> bool:
        """Statements of two databases cannot be replayed on one, and nobody but the user can tell which is meant."""
        if self._wanted is None:
            self._wanted = record.database
        if self._database is None and record.database != self._wanted:
            raise InputError(
                str(path),
                f"holds statements of the databases {self._wanted} and {record.database}:"
                " name the one to replay with --log-database",
            )
        return record.database == self._wanted

    def _begun(self, record: LogRecord, text: str) -> Iterator[LogItem]:
        state = self._sessions.setdefault(record.session, _SessionState())
        if state.pending is not None:
            yield LeftOut("statements whose duration is not in the log")
        if (simple := _SIMPLE.match(text)) is not None:
            state.pending = _Pending(text[simple.end() :], "", None)
        elif (phase := _PHASE.match(text)) is not None and phase[1] == "execute":
            state.pending = _Pending(text[phase.end() :], record.detail, _is_named(phase[2]))
        else:
            yield LeftOut("further fetches of a portal, which its first execution is replayed with")

    def _ended(self, record: LogRecord, ms: float, text: str) -> Iterator[LogItem]:
        state = self._sessions.setdefault(record.session, _SessionState())
        yield from self._ended_in(state, record, ms, text)
        if state.is_blank:
            # A log has any number of sessions: only what is under way is kept of them.
            del self._sessions[record.session]

    def _ended_in(self, state: _SessionState, record: LogRecord, ms: float, text: str) -> Iterator[LogItem]:
        if not text:
            yield from self._nameless(record, state, ms)
        elif (simple := _SIMPLE.match(text)) is not None:
            yield from self._statement(record, ms, text[simple.end() :])
        elif (phase := _PHASE.match(text)) is not None:
            yield from self._phase(record, state, ms, phase, text)
        else:
            yield LeftOut("plans of auto_explain" if text.startswith("plan:") else "records that are no statements")

    def _nameless(self, record: LogRecord, state: _SessionState, ms: float) -> Iterator[LogItem]:
        pending, state.pending = state.pending, None
        if pending is not None:
            more = state.nameless_ms.get("BIND", 0.0)
            more += 0.0 if pending.is_prepared else state.nameless_ms.get("PARSE", 0.0)
            state.nameless_ms.clear()
            yield from self._statement(record, ms + more, pending.text, pending.detail, pending.is_prepared)
        elif record.command in ("PARSE", "BIND"):
            state.nameless_ms[record.command] = ms
        else:
            yield LeftOut("durations whose statement is not in the log (log_duration without log_statement)")

    def _phase(
        self, record: LogRecord, state: _SessionState, ms: float, phase: re.Match[str], text: str
    ) -> Iterator[LogItem]:
        kind, name = phase[1], phase[2].partition("/")[0]
        if kind == "parse":
            state.parsed_ms = {name: ms} if name == _UNNAMED else {}
        elif kind == "bind":
            state.bound_ms = {name: ms}
        elif kind == "execute":
            is_prepared = _is_named(name)
            more = state.bound_ms.pop(name, 0.0) + (0.0 if is_prepared else state.parsed_ms.pop(name, 0.0))
            yield from self._statement(record, ms + more, text[phase.end() :], record.detail, is_prepared)
        else:
            yield LeftOut("further fetches of a portal, which its first execution is replayed with")

    def _statement(
        self, record: LogRecord, ms: float, text: str, detail: str = "", is_prepared: bool | None = None
    ) -> Iterator[LogItem]:
        """`is_prepared` is None for the simple protocol, whose text may hold anything but parameters."""
        shape = self._shape(text, keep=is_prepared is not None)
        meaning = meaning_of(shape)
        if meaning.kind is None:
            yield LeftOut(meaning.reason)
            return
        values: tuple[str | None, ...] | None = None
        if is_prepared is not None:
            try:
                values = parse_parameters(detail)
            except ValueError as error:
                yield LeftOut(f"statements of which {error}")
                return
            if values is None and _PARAMETER.search(text):
                yield LeftOut("statements whose values are not in the log (log_parameter_max_length = 0)")
                return
            self._cut_off += sum(value is not None and value.endswith(CUT_OFF) for value in values or ())
            values = values or ()
        if meaning.kind == "begin":
            text = _READ_WRITE.sub("", text)
        yield LoggedStatement(
            session=record.session,
            start_s=self._clock.seconds(record.stamp) - ms / 1e3,
            duration_s=ms / 1e3,
            text=text,
            shape=shape,
            kind=meaning.kind,
            values=values,
            is_prepared=bool(is_prepared),
            query_id=record.query_id if record.query_id != "0" else "",
            setting=meaning.setting,
        )

    def _shape(self, text: str, *, keep: bool) -> str:
        """Texts with parameters come again, those with constants seldom do."""
        shape = self._shapes.get(text)
        if shape is None:
            shape = shape_of(text)
            if keep and len(self._shapes) < _SAME_SHAPES_MAX:
                self._shapes[text] = shape
        return shape


def _share_a_record(some: Sequence[LogRecord], others: Sequence[LogRecord]) -> bool:
    """A session and the number in it name one record of a server, whatever form it is written in."""
    first, second = (
        {(item.stamp, item.session, item.number) for item in part if item.number} for part in (some, others)
    )
    return bool(first & second)


def _is_named(name: str) -> bool:
    return name.partition("/")[0] != _UNNAMED
