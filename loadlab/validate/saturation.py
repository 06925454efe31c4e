"""Which resource was full in a window: pure rules over what was measured of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadlab.engines.abilities import Doing
from loadlab.units import format_duration, format_share
from loadlab.validate.gates import CPU_SHARE_MAX

Resource = Literal["generator", "cpu", "locks", "io", "connections", "unknown"]

MACHINE_FULL = 0.9
"""Of all cores of a machine: what is left is noise of the kernel's accounting."""
POOL_FULL = 0.9
WAIT_SHARE_MIN = 0.4
"""Of the sessions' time: waits that take less may be there without being what holds the load up."""
_RUNNING_MIN = 0.5
"""Of the sessions' time: so many that run, or would if a processor were free, are held up by it."""
_POOL_USED_MIN = 0.5
"""Sessions of a load that leaves most connections idle wait too, for a disk that is anything but full."""
_WAITS: Mapping[Doing, tuple[Resource, str]] = {"lock": ("locks", "waiting for locks"), "io": ("io", "waiting for I/O")}
_EVENTS_NAMED = 2


@dataclass(frozen=True, slots=True)
class Usage:
    """What one window used; None: cannot be told here.

    `doing` has the share of the server's sessions' time by what they did, `events` by the server's own words.
    `server_cores` is the server's processor time per second (None: a server on another machine), `machine_cpu_share`
    all cores' busy share on this machine. `pool_share` is the share of the connections' time spent executing,
    `wait_p99_us` how long operations waited for a connection.
    """

    generator_cpu_share: float
    generator_limit: str | None = None
    machine_cpu_share: float | None = None
    server_cores: float | None = None
    cores: int = 1
    doing: Mapping[Doing, float] = field(default_factory=dict)
    events: Mapping[str, float] = field(default_factory=dict)
    pool_share: float | None = None
    wait_p99_us: float = 0.0


@dataclass(frozen=True, slots=True)
class Saturation:
    """The resource that was full, with a sentence of evidence."""

    resource: Resource
    reason: str


def saturated(usage: Usage) -> Saturation:
    """The resource that held the load up.

    What lies deeper comes first: connections are all busy whatever it is that their statements wait for. A full
    processor makes sessions wait for locks whose holders wait for the processor, so it comes before the locks.
    """
    rules = (_generator, _cpu, _waits, _connections)
    found = next((saturation for rule in rules if (saturation := rule(usage)) is not None), None)
    return found or Saturation("unknown", "Nothing that was measured was full.")


def _generator(usage: Usage) -> Saturation | None:
    if usage.generator_limit is not None:
        return Saturation("generator", f"{_sentence(usage.generator_limit)}.")
    if usage.generator_cpu_share > CPU_SHARE_MAX:
        share = format_share(round(usage.generator_cpu_share, 2))
        return Saturation("generator", f"The busiest driver process used {share} of a core (raise --workers).")
    machine = usage.machine_cpu_share
    if machine is not None and machine >= MACHINE_FULL and usage.server_cores is None and not usage.doing:
        share = format_share(round(machine, 2))
        return Saturation(
            "generator",
            f"This machine's processors were {share} busy, and how much of that the database used is not known.",
        )
    return None


def _cpu(usage: Usage) -> Saturation | None:
    """The server's own share is all there is, or its sessions were ready to run on a machine that was full."""
    if usage.server_cores is None:
        return None
    own, machine = usage.server_cores / usage.cores, usage.machine_cpu_share or 0.0
    is_starved = machine >= MACHINE_FULL and usage.doing.get("running", 0.0) >= _RUNNING_MIN
    if own < MACHINE_FULL and not is_starved:
        return None
    words = f"The server's processes used {usage.server_cores:.1f} of {usage.cores} cores"
    if machine:
        words += f" of a machine that was {format_share(round(machine, 2))} busy"
    if 2 * own < machine:
        words += ", mostly with other things than the server"
    return Saturation("cpu", f"{words}.")


def _waits(usage: Usage) -> Saturation | None:
    kind = max(_WAITS, key=lambda kind: usage.doing.get(kind, 0.0))
    share = usage.doing.get(kind, 0.0)
    if share < WAIT_SHARE_MIN or (usage.pool_share is not None and usage.pool_share < _POOL_USED_MIN):
        return None
    resource, words = _WAITS[kind]
    return Saturation(resource, f"Sessions spent {format_share(round(share, 2))} of their time {words}{_named(usage)}.")


def _connections(usage: Usage) -> Saturation | None:
    if usage.pool_share is None or usage.pool_share < POOL_FULL:
        return None
    waited = (
        f", operations waited {format_duration(usage.wait_p99_us / 1e6)} (p99) for one" if usage.wait_p99_us else ""
    )
    spent = _spent(usage)
    return Saturation(
        "connections",
        f"All connections were busy {format_share(round(usage.pool_share, 2))} of the time{waited}{spent}.",
    )


def _spent(usage: Usage) -> str:
    if not usage.doing:
        return ""
    return f"; the server was {format_share(round(usage.doing.get('running', 0.0), 2))} of it running{_named(usage)}"


def _named(usage: Usage) -> str:
    named = [f"{event} {format_share(round(share, 2))}" for event, share in list(usage.events.items())[:_EVENTS_NAMED]]
    return f" ({', '.join(named)})" if named else ""


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]
