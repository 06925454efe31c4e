"""What a replay makes of a log: order, transactions, turns, and whether it is evidence."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from loadlab.arguments import parse_speed
from loadlab.engines.abilities import LeftOut, LoggedStatement, StepKind
from loadlab.errors import InputError
from loadlab.measure.histogram import Histogram
from loadlab.measure.replay import ReplayMeasure, ShapeMeasure
from loadlab.replay.prepare import SHAPES_MAX, Preparation, ReplayPlan, Selection
from loadlab.replay.run import ReplayOptions, _full_machine, plan_replay
from loadlab.replay.spool import SpoolWriter, Step, steps_of
from loadlab.replay.turns import AHEAD, Turns, clock
from loadlab.report.progress import ProgressShow
from loadlab.report.replay.build import build_replay
from loadlab.report.replay.html import render_replay
from loadlab.report.replay.model import LogResult
from loadlab.report.replay.terminal import print_replay
from loadlab.validate.replay import ReplayFinding, judge_replay
from tests.samples import sample_result
from tests.samples_log import Line, as_csv

ALL = Selection(writes=True)


def logged(session: str, start_s: float, kind: StepKind = "read", text: str = "SELECT 1", **more: Any) -> Any:
    return LoggedStatement(session, start_s, more.pop("duration_s", 0.001), text, text.lower(), kind, **more)


def prepared(folder: Path, *items: Any, selection: Selection = ALL) -> tuple[ReplayPlan, list[Step]]:
    plan = Preparation([SpoolWriter(folder / "0")], selection).read(items)
    return plan, list(steps_of(folder / "0"))


def test_steps_are_in_the_order_of_their_beginnings(tmp_path: Path) -> None:
    """A log has a long statement behind the short ones that began after it."""
    plan, steps = prepared(
        tmp_path, logged("b", 11.0), logged("a", 10.0, text="SELECT long", duration_s=5), logged("b", 16.0)
    )
    assert [(step.due_us, step.text) for step in steps] == [
        (10_000_000, "SELECT long"), (11_000_000, "SELECT 1"), (16_000_000, "SELECT 1"),
    ]  # fmt: skip
    assert (plan.first_us, plan.span_s, plan.sessions_peak) == (10_000_000, 6.0, 2)


def test_a_session_keeps_its_order_whatever_the_clock_says(tmp_path: Path) -> None:
    """Times are told in milliseconds: the second of two may seem to begin before the first."""
    _, steps = prepared(tmp_path, logged("a", 10.0004, text="SELECT x"), logged("a", 10.0001, text="SELECT y"))
    assert [step.text for step in steps] == ["SELECT x", "SELECT y"]


def test_commit_of_what_has_failed_is_a_rollback(tmp_path: Path) -> None:
    failed = LeftOut("statements that failed in the log (22012)", "a")
    plan, steps = prepared(
        tmp_path,
        logged("a", 1, "begin", "BEGIN"), logged("a", 2, "write", "DELETE"), failed, logged("a", 3, "commit", "COMMIT"),
        logged("a", 4, "begin", "BEGIN"), logged("a", 5, "savepoint", "SAVEPOINT s"), failed,
        logged("a", 6, "savepoint", "ROLLBACK TO s"), logged("a", 7, "commit", "COMMIT"),
        failed, logged("a", 8, "begin", "BEGIN"), logged("a", 9, "commit", "COMMIT"),
    )  # fmt: skip
    assert [step.text for step in steps if step.text in ("COMMIT", "ROLLBACK")] == ["ROLLBACK", "COMMIT", "COMMIT"]
    assert plan.left_out == {"statements that failed in the log (22012)": 3}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    plan, steps = prepared(
        tmp_path, logged("a", 1, "commit", "COMMIT"), logged("a", 2, "write", "DELETE"), logged("a", 3), LeftOut("DDL"),
        selection=Selection(writes=False, why_no_writes=" here"),
    )  # fmt: skip
    assert [step.text for step in steps] == ["SELECT 1"]
    assert plan.left_out == {
        "ends of transactions that began before the log": 1, "statements that write here": 1, "DDL": 1,
    }  # fmt: skip


def test_a_part_of_a_log(tmp_path: Path) -> None:
    items = [logged("a", second) for second in range(10)]
    assert prepared(tmp_path / "n", *items, selection=Selection(True, limit=3))[0].statements == 3
    assert prepared(tmp_path / "t", *items, selection=Selection(True, span_s=4.5))[0].statements == 5


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("n", "t"):
        (tmp_path / name).mkdir()


def test_any_number_of_shapes_takes_bounded_room(tmp_path: Path) -> None:
    plan, _ = prepared(tmp_path, *[logged("a", n, text=f"SELECT c{n} FROM t{n}") for n in range(SHAPES_MAX + 20)])
    assert len(plan.shapes) == SHAPES_MAX + 1
    assert (plan.shapes[-1].name, plan.shapes[-1].calls) == ("other statements", 20)
    assert len({shape.name for shape in plan.shapes}) == len(plan.shapes)


# -- turns -----------------------------------------------------------------------------------------------------------


def drive(turns: Turns, threads: int, held: int) -> list[tuple[int, int]]:
    """(session, place) in the order of execution; steps of `held` are of one transaction."""
    done: list[tuple[int, int]] = []
    running: set[int] = set()

    def live(seat: int) -> None:
        while (turn := turns.take(seat)) is not None:
            session, step = turn
            assert session.number not in running, "a session is in one place at a time"
            running.add(session.number)
            while True:
                done.append((session.number, step.place))
                if session.number != held or turns.is_last(step):
                    break
                following = turns.hold(session)
                assert following is not None
                step = following
            running.discard(session.number)
            turns.give_back(session, step)

    crew = [threading.Thread(target=live, args=(seat,)) for seat in range(threads)]
    for thread in crew:
        thread.start()
    turns.start()
    for thread in crew:
        thread.join(30)
        assert not thread.is_alive()
    assert turns.broken is None
    return done


def spooled(steps: list[Step]) -> tuple[Iterator[Step], list[int]]:
    last = [0] * (max(step.session for step in steps) + 1)
    for step in steps:
        last[step.session] = step.place
    return iter(steps), last


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("speed", [None, 50.0])
def test_each_session_in_its_order_over_few_threads(threads: int, speed: float | None) -> None:
    steps = [Step(place * 2000, place, place * 7 % 5, "execute", 0, "") for place in range(1, 2000)]
    done = drive(Turns(*spooled(steps), 2000, speed), threads, held=-1)
    assert sorted(done) == sorted((step.session, step.place) for step in steps)
    for session in range(5):
        places = [place for number, place in done if number == session]
        assert places == sorted(places)


def test_a_transaction_whose_next_step_lies_far_behind_does_not_stop_everything() -> None:
    """All threads hold or wait while more is read than is kept: the step that is waited for has to be reached."""
    first = [Step(0, 1, 0, "execute", 0, "")]
    others = [Step(0, place, 1 + place % 3, "execute", 0, "") for place in range(2, AHEAD + 5000)]
    last = [Step(0, AHEAD + 5000, 0, "execute", 0, "")]
    done = drive(Turns(*spooled([*first, *others, *last]), 0, None), threads=1, held=0)
    assert done[:2] == [(0, 1), (0, AHEAD + 5000)]
    assert len(done) == AHEAD + 5000


def test_nothing_begins_before_it_is_due() -> None:
    steps = [Step(place * 20_000, place, place % 4, "execute", 0, "") for place in range(1, 30)]
    turns = Turns(*spooled(steps), 20_000, 2.0)
    begun: dict[int, float] = {}

    def live(seat: int) -> None:
        while (turn := turns.take(seat)) is not None:
            begun[turn[1].place] = clock() - turns.due_s(turn[1])
            turns.give_back(*turn)

    crew = [threading.Thread(target=live, args=(seat,)) for seat in range(3)]
    for thread in crew:
        thread.start()
    turns.start()
    for thread in crew:
        thread.join(30)
    assert len(begun) == 29
    assert min(begun.values()) >= 0
    assert turns.due_s(steps[-1]) - turns.begun_s == pytest.approx(28 * 0.02 / 2)


# -- the finding -----------------------------------------------------------------------------------------------------


def of_values(*values_us: int) -> Histogram:
    made = Histogram()
    made.add(np.array(values_us, dtype=np.int64))
    return made


def measure(**more: Any) -> ReplayMeasure:
    errors = more.pop("errors", {})
    shape = ShapeMeasure(
        "select t", "select [red]?[/red] from t", "7", of_values(*range(100, 200)), 100 - sum(errors.values()), errors,
        "no such table" if errors else None, of_values(*range(300, 400 - sum(errors.values()))), of_values(500), 100,
    )  # fmt: skip
    values: dict[str, Any] = {
        "started_at": "2026-01-02T03:04:05+00:00", "speed": 2.0, "planned": 100, "planned_s": 10.0, "begun_s": 10.0,
        "duration_s": 10.1, "sessions": 4, "connections": 2, "workers": 1, "shapes": (shape,), "intervals": (),
        "lag": of_values(*[200] * 100), "late_s": {"session": 1.0, "connection": 3.0, "generator": 0.1},
        "cpu_share": 0.2,
    }  # fmt: skip
    return ReplayMeasure(**values | more)


@pytest.mark.parametrize(
    "more, words",
    [
        ({"lag": of_values(*[900_000] * 100)}, "p99 lag was 900 ms, above 100 ms (--lag-limit); late statements waited"
         " 73% of that time for a free connection: raise --connections"),
        ({"begun_s": 12.0}, "only 8.40/s of the 10/s that were due were begun"),
        ({"cpu_share": 0.97}, "its busiest process used 97% of a core (raise --workers)"),
        ({"interrupted": True}, "it was interrupted after 10.1 s"),
        ({"failure": "the server is gone"}, "the replay ended early: the server is gone"),
        ({"errors": {"42P01": 6}}, "6% of them failed, which in the log did not"),
    ],
)  # fmt: skip
def test_what_makes_a_replay_inconclusive(more: dict[str, Any], words: str) -> None:
    finding, reason = judge_replay(measure(**more), lag_limit_s=0.1)
    assert finding is ReplayFinding.INCONCLUSIVE
    assert words in reason
    assert not reason.endswith("?.")


def test_a_replay_that_held_its_speed() -> None:
    finding, reason = judge_replay(measure(begun_s=10.5, errors={"40001": 5}), lag_limit_s=0.1)
    assert finding is ReplayFinding.REPLAYED
    assert reason == "100 of 100 statements of 4 sessions were replayed at 2 times the log's speed (p99 lag 200 µs)."
    finding, reason = judge_replay(measure(speed=None, planned_s=0.0, lag=Histogram()), lag_limit_s=0.1)
    assert finding is ReplayFinding.REPLAYED
    assert reason.endswith("as fast as possible.")


def test_the_terminal_shows_texts_as_they_are() -> None:
    log = LogResult(
        files=["a"], statements=100, sessions=4, sessions_peak=3, settings=1, span_s=20, left_out={"DDL": 3}
    )
    result = build_replay(
        measure=measure(errors={"42P01": 6}), log=log, environment=sample_result().environment, read_only=True,
        timeout_s=5, lag_limit_s=0.1, notes=["a [b]note[/b]"],
    )  # fmt: skip
    out = io.StringIO()
    print_replay(result, console=Console(file=out, width=80, highlight=False, markup=False, emoji=False))
    text = out.getvalue()
    for words in (
        "INCONCLUSIVE 100 of 100", "select t: 6 × 42P01; the first: no such table", "Left out   3 DDL",
        "select [red]?[/red] from t", "a [b]note[/b]", "p50 200 µs, p99 200 µs, max 200 µs",
    ):  # fmt: skip
        assert words in text, text
    assert max(map(len, text.splitlines())) <= 80
    page = render_replay(result)
    for words in ("INCONCLUSIVE", "select [red]?[/red] from t", "a [b]note[/b]", "of 100", "no such table", "3 DDL"):
        assert words in page, words


def test_texts_of_a_log_are_no_markup_of_the_page() -> None:
    log = LogResult(
        files=["<b>"], statements=1, sessions=1, sessions_peak=1, settings=0, span_s=1, left_out={"<script>": 1}
    )
    hostile = replace(measure().shapes[0], name="<img src=x>", shape="SELECT '</code><script>alert(1)</script>'")
    result = build_replay(
        measure=measure(shapes=(hostile,)), log=log, environment=sample_result().environment, read_only=False,
        timeout_s=5, lag_limit_s=0.1, notes=["<script>"],
    )  # fmt: skip
    page = render_replay(result)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_machine_that_was_full_is_told() -> None:
    (note,) = _full_machine((10.0, 100.0), (29.6, 120.0))
    assert note.startswith("This machine's cores were 98% busy")
    assert _full_machine((10.0, 100.0), (20.0, 120.0)) == _full_machine(None, None) == []


# -- what cannot be replayed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        (ReplayOptions(writes=True, only_reads=True), "--writes goes not with --only-reads"),
        (ReplayOptions(speed=-1.0), "--speed=-1.0 must be a factor above 0, or max"),
        (ReplayOptions(connections=2, workers=3), "--workers=3 must not be above --connections (2)"),
        (ReplayOptions(timeout_s=0.0), "--timeout=0.0 must be longer than nothing"),
        (ReplayOptions(), "nowhere cannot be read: No such file or directory"),
    ],
)
def test_options_are_checked_before_anything_is_read(options: ReplayOptions, words: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_replay([Path("nowhere")], None, options, ProgressShow(quiet=True))
    assert words in str(caught.value)


def test_a_log_of_which_nothing_is_replayed_says_why(tmp_path: Path) -> None:
    lines = [Line("duration: 1.000 ms  statement: VACUUM"), Line("duration: 1.000 ms  statement: DELETE FROM t")]
    (tmp_path / "log").write_text(as_csv(*lines))
    with pytest.raises(InputError) as caught:
        plan_replay([tmp_path / "log"], None, ReplayOptions(only_reads=True), ProgressShow(quiet=True))
    assert "holds no statement that is replayed (1 maintenance; 1 statements that write (--only-reads))" in str(
        caught.value
    )


@pytest.mark.parametrize("text, speed", [("2", 2.0), ("0.5", 0.5), ("max", None), ("0", None)])
def test_speeds(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


def test_a_speed_is_a_number() -> None:
    with pytest.raises(InputError, match=r"--speed=fast must be a factor such as 2 or 0\.5, or max"):
        parse_speed("fast")
