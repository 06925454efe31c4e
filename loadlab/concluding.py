"""From a measured window to a result: evidence, review, and where it all took place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loadlab import __version__
from loadlab.data.dataset import Dataset, rows_fingerprint
from loadlab.engines.abilities import CanIdentifyStatements
from loadlab.engines.protocol import Engine, Evidence
from loadlab.measure.figures import figures_of
from loadlab.measure.fingerprint import this_machine
from loadlab.measure.plans.look import Observer, unobserved
from loadlab.measure.window import Window
from loadlab.report.build import AskedLoad, build_result
from loadlab.report.model import EnvironmentResult, Result, SeedingResult, TableResult
from loadlab.reviewing import Load, review_load
from loadlab.seeding.seeder import SeedReport
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_count, format_rate
from loadlab.validate.facts import Facts
from loadlab.validate.gates import only_a_part
from loadlab.validate.latency import response_intervals
from loadlab.validate.model import TargetVerdict

if TYPE_CHECKING:
    from loadlab.pipeline import Ready

_PERCENTILES = (50, 95, 99)


class Seeded(Protocol):
    """What stands in the database (`loadlab.pipeline.SeedOutcome`)."""

    @property
    def report(self) -> SeedReport: ...

    @property
    def dataset(self) -> Dataset: ...

    @property
    def tables(self) -> tuple[TableResult, ...]: ...

    @property
    def size_bytes(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a window; `identities` has the server's id of a statement by its key."""

    facts: Facts
    verdicts: tuple[TargetVerdict, ...]
    identities: Mapping[str, str]
    environment: EnvironmentResult


def result_of(engine: Engine, ready: Ready, window: Window, judged: Judged, observe: Observer = unobserved) -> Result:
    """Everything that a run found out, the review of what there is included; `observe` is told where that stands."""
    scenario, workload = ready.scenario, ready.workload
    asked = Load(ready.statements, executions_of(ready.statements, window), window.delta)
    reviewed = review_load(engine, ready, asked, window, scenario.file.review.silence, observe)
    with first_interrupt_waits():
        return build_result(
            scenario=scenario.name,
            description=scenario.file.description,
            verdicts=judged.verdicts,
            measure=window.measure,
            pooler=window.pooler,
            evidence=window.delta,
            plans=ready.plans or {},
            server_calls=_server_calls(judged.identities, window.delta),
            seeding=seeding_result(ready.seeded),
            environment=judged.environment,
            warmup_s=workload.warmup,
            notes=(*ready.seeded.notes, *window.notes, *([window.failure] if window.failure else ())),
            figures=figures_of(None if window.counters_were_reset else window.delta, window.measure, judged.identities),
            activity=window.activity,
            prolongation=window.prolongation,
            may_extend=workload.may_extend,
            reviewed=reviewed.outcomes,
            statement_plans=reviewed.plans or {},
            statements=ready.statements,
            intervals=response_intervals(judged.facts, _PERCENTILES),
            incomplete=only_a_part(judged.facts, window.failure),
            failure=window.failure,
            asked=AskedLoad(workload.mix_fingerprint, load_in_words(workload)),
        )


def load_in_words(workload: Workload) -> str:
    """`40 users over 8 connections`, `2,000/s (poisson) over 8 connections`."""
    level = workload.base_level
    asked = f"{format_rate(level)} ({workload.arrivals})" if workload.is_open else f"{format_count(level)} users"
    return f"{asked} over {format_count(workload.connections)} connections"


def executions_of(statements: Mapping[str, Statement], window: Window) -> dict[str, int]:
    """By statement key, how often the clients ran it in the window."""
    counts = {item.name: item.count + item.error_count for item in window.measure.operations}
    counts |= window.measure.statements
    return {key: counts.get(key, 0) for key in statements}


def statement_ids(engine: Engine, statements: Mapping[str, Statement]) -> dict[str, str]:
    """By statement key, the id under which the server counts its executions, where it does."""
    if not isinstance(engine, CanIdentifyStatements):
        return {}
    found = {name: engine.statement_id(statement) for name, statement in statements.items()}
    return {name: identity for name, identity in found.items() if identity is not None}


def _server_calls(identities: Mapping[str, str], delta: Evidence | None) -> dict[str, int]:
    """The server's own count of each statement's executions in the window."""
    if delta is None:
        return {}
    sharing = Counter(identities.values())
    # Two operations of the very same text are one statement to the server: it cannot tell whose calls they were.
    counted = {name: delta.statements.get(key) for name, key in identities.items() if sharing[key] == 1}
    return {name: evidence.calls if evidence else 0 for name, evidence in counted.items()}


def environment_of(engine: Engine) -> EnvironmentResult:
    """Where it runs."""
    machine = this_machine()
    return EnvironmentResult(
        loadlab=__version__,
        engine=engine.name,
        server=engine.version(),
        database=engine.display_url,
        python=machine.python,
        platform=machine.platform,
        cpu=machine.cpu,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
        fingerprint=machine.fingerprint,
    )


def seeding_result(seeded: Seeded) -> SeedingResult:
    """The seeding as a result keeps it."""
    plan, manifest = seeded.dataset.plan, seeded.dataset.manifest
    return SeedingResult(
        rows=seeded.report.rows,
        seconds=seeded.report.seconds,
        bytes=seeded.size_bytes,
        scale=plan.scale,
        seed=plan.seed,
        fingerprint=manifest.fingerprint,
        schema_fingerprint=manifest.schema.structure_fingerprint,
        rows_fingerprint=rows_fingerprint(manifest),
        reused=seeded.report.reused,
        tables=list(seeded.tables),
    )
