"""One pass over a log: what is replayed, in which order, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from loadlab.engines.abilities import LeftOut, LoggedStatement, LogItem, LogNote
from loadlab.measure.histogram import Histogram
from loadlab.measure.recorder import Float64s
from loadlab.replay.spool import SpoolWriter, Step

SHAPES_MAX = 500
"""Further shapes are measured together: a log whose texts name tables by number has any number of them."""
OTHERS = "other statements"
_BUFFERED = 1_000
_SHAPE_CHARS_MAX = 10_000


@dataclass(slots=True)
class Shape:
    """One shape as the log has it. `calls` are those to be replayed."""

    name: str
    text: str
    query_id: str
    calls: int = 0
    logged: Histogram = field(default_factory=Histogram)
    _durations_us: list[int] = field(default_factory=list)

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.calls += 1
        self._durations_us.append(round(duration_s * 1e6))
        if len(self._durations_us) >= _BUFFERED:
            self.settle()

    def settle(self) -> None:
        """Bring what is buffered into the histogram."""
        self.logged.add(np.array(self._durations_us, dtype=np.int64))
        self._durations_us.clear()


@dataclass(slots=True)
class _SessionState:
    """One session of the log while it is read. Times in µs of the log's clock."""

    number: int
    first_us: int
    due_us: int
    end_us: int
    last_place: int = 0
    in_transaction: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a pass over a log found. `last_places` has the place of each session's last step, by its number.

    `sessions_peak` is the most sessions at the same time, each from its first statement to its last.
    """

    shapes: tuple[Shape, ...]
    statements: int
    first_us: int
    span_s: float
    last_places: tuple[int, ...]
    sessions_peak: int
    settings: int
    left_out: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which statements of a log. `writes`: those that change something too; `span_s` of the log's time."""

    writes: bool
    why_no_writes: str = ""
    limit: int | None = None
    span_s: float | None = None


class Preparation:
    """Takes the items of a log, in its order, and spools the steps of each session to its worker."""

    def __init__(self, spools: list[SpoolWriter], selection: Selection) -> None:
        self._spools, self._selection = spools, selection
        self._sessions: dict[str, _SessionState] = {}
        self._shapes: dict[str, int] = {}
        self._found: list[Shape] = []
        self._names: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._notes: list[str] = []
        self._places = self._settings = 0
        self.statements = 0

    def read(self, items: Iterable[LogItem]) -> ReplayPlan:
        """All of it, or as much as is selected."""
        for item in items:
            if isinstance(item, LoggedStatement):
                if not self._take(item):
                    break
            elif isinstance(item, LeftOut):
                self._leave_out(item)
            elif isinstance(item, LogNote):
                self._notes.append(item.text)
        for spool in self._spools:
            spool.close()
        return self._plan()

    def _take(self, item: LoggedStatement) -> bool:
        """Whether more is wanted."""
        limit, span_s = self._selection.limit, self._selection.span_s
        if limit is not None and self.statements >= limit:
            return False
        if span_s is not None and self._sessions:
            first_us = next(iter(self._sessions.values())).first_us
            if item.start_s + item.duration_s > first_us / 1e6 + span_s:
                return False
        self._statement(item)
        return True

    def _leave_out(self, item: LeftOut) -> None:
        self._left_out[item.reason] += 1
        state = self._sessions.get(item.failed_session) if item.failed_session is not None else None
        if state is not None:
            state.has_failed = state.in_transaction

    def _statement(self, item: LoggedStatement) -> None:
        if item.kind == "write" and not self._selection.writes:
            self._left_out[f"statements that write{self._selection.why_no_writes}"] += 1
            return
        state = self._sessions.get(item.session)
        if item.kind in ("commit", "rollback") and not (state is not None and state.in_transaction):
            self._left_out["ends of transactions that began before the log"] += 1
            return
        if state is not None and state.has_failed and item.kind not in ("commit", "rollback", "savepoint"):
            # One that succeeds after a failure: a text of several statements has ended the transaction.
            state.has_failed = False
        state = self._spool(item, state)
        self._follow(item, state)

    def _spool(self, item: LoggedStatement, state: _SessionState | None) -> _SessionState:
        due_us, end_us = round(item.start_s * 1e6), round((item.start_s + item.duration_s) * 1e6)
        if state is None:
            state = _SessionState(len(self._sessions), due_us, due_us, end_us)
            self._sessions[item.session] = state
        # The log tells milliseconds and a duration in microseconds: what follows another may seem to begin before it.
        due_us = state.due_us = max(state.due_us, due_us)
        state.end_us = max(state.end_us, end_us)
        self._places += 1
        state.last_place = self._places
        head = (due_us, self._places, state.number)
        spool = self._spools[state.number % len(self._spools)]
        if item.kind == "setting":
            self._settings += 1
            spool.add(Step(*head, "set", -1, item.text if item.setting else "", setting=item.setting))
            return state
        text = "ROLLBACK" if item.kind == "commit" and state.has_failed else item.text
        values = None if item.values is None else list(item.values)
        spool.add(Step(*head, "execute", self._shape(item), text, values, item.is_prepared))
        self.statements += 1
        return state

    def _follow(self, item: LoggedStatement, state: _SessionState) -> None:
        if item.kind == "begin":
            state.in_transaction, state.has_failed = True, False
        elif item.kind in ("commit", "rollback"):
            # COMMIT AND CHAIN begins the next one.
            state.in_transaction, state.has_failed = item.shape.endswith("and chain"), False
        elif item.kind == "savepoint" and item.shape.startswith("rollback"):
            state.has_failed = False

    def _shape(self, item: LoggedStatement) -> int:
        number = self._shapes.get(item.shape)
        if number is None:
            if len(self._found) < SHAPES_MAX:
                number = self._shapes[item.shape] = len(self._found)
                text = _readable(item.shape)
                self._found.append(Shape(self._name(text), text, item.query_id))
            else:
                number = SHAPES_MAX
                if len(self._found) == SHAPES_MAX:
                    self._found.append(Shape(OTHERS, OTHERS, ""))
        self._found[number].add(item.duration_s)
        return number

    def _name(self, shape: str) -> str:
        """`select orders`, `update orders 2`: its verb and the first table that it names."""
        words = shape.replace("(", " ( ").split()
        verb = words[0] if words else "nothing"
        after = {"select": "from", "with": "from", "insert": "into", "delete": "from", "update": "update"}.get(verb)
        table = next((b for a, b in pairwise(words) if a == after and b != "("), "")
        name = f"{verb} {table}".strip()[:60] if verb not in ("begin", "commit", "rollback") else verb
        self._names[name] += 1
        number = self._names[name]
        return name if number == 1 else f"{name} {number}"

    def _plan(self) -> ReplayPlan:
        for shape in self._found:
            shape.settle()
        states = list(self._sessions.values())
        first_us = min((state.first_us for state in states), default=0)
        last_us = max((state.due_us for state in states), default=0)
        begins = np.array([state.first_us for state in states], dtype=np.float64)
        ends = np.array([max(state.end_us, state.first_us + 1) for state in states], dtype=np.float64)
        return ReplayPlan(
            tuple(self._found),
            self.statements,
            first_us,
            (last_us - first_us) / 1e6,
            tuple(state.last_place for state in states),
            _peak(begins, ends),
            self._settings,
            dict(self._left_out.most_common()),
            tuple(self._notes),
        )


def _readable(text: str) -> str:
    """What can be written to a file as UTF-8, of a bearable length."""
    return text[:_SHAPE_CHARS_MAX].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _peak(begins: Float64s, ends: Float64s) -> int:
    """The most of the spans [begin, end) that overlap; both of shape (n,)."""
    begins, ends = np.sort(begins), np.sort(ends)
    running = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")
    return int(running.max(initial=0))
