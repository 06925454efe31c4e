"""The rule on the size of the connection pool."""

from __future__ import annotations

from loadlab.units import format_share
from loadlab.validate.review.model import Examined, Finding, PoolUse, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.sources import POOL_SIZE
from loadlab.validate.wording import counted

# The formula's number is where to begin, not a limit: waits for disks and networks justify more. Beyond this multiple
# of it connections only compete, and where less than half of the pool was busy at once nobody would miss them.
_MULTIPLE = 4
_BUSIEST_SHARE = 0.5


def sensible_connections(cores: int) -> int:
    """Where to begin: (cores × 2) + effective spindles, of which a server on SSDs or with its data cached has one."""
    return cores * 2 + 1


def _examine_pool(facts: ReviewFacts) -> Examined:
    pool = facts.pool
    if pool is None:
        return skipped("pools", facts.why_missing("pool"))
    if pool.cores is None:
        return skipped("pools", pool.why_no_cores or "the number of the server's cores is not known")
    return Examined(1, "pools", (_pool_finding(pool, pool.cores),) if _is_oversized(pool, pool.cores) else ())


def _is_oversized(pool: PoolUse, cores: int) -> bool:
    limit = _MULTIPLE * sensible_connections(cores)
    return pool.connections > limit and pool.busiest_share < _BUSIEST_SHARE


def _pool_finding(pool: PoolUse, cores: int) -> Finding:
    sensible = sensible_connections(cores)
    return Finding(
        rule=POOL_RULE.id,
        severity=Severity.WARNING,
        subject="pool",
        what=f"The pool of {counted(pool.connections, 'connection')} is larger than server or load have use for.",
        evidence=(
            f"{format_share(pool.busiest_share)} of it was busy in the busiest second, "
            f"{counted(pool.connections_peak, 'connection')} at once at most",
            f"{counted(cores, 'core')}: (2 × {cores}) + 1 = {sensible} to begin with",
        ),
        why="Each connection is a process with memory of its own, and a burst that fills them all is slower than one "
        "that waits its turn. It concerns everything that this load executes.",
        remedy=f"Begin with workload.connections: {max(sensible, min(pool.connections_peak, _MULTIPLE * sensible))} "
        "and measure; let a pooler share them where there are many clients.",
        load_share=1.0,
    )


POOL_RULE = Rule(
    "oversized-pool",
    "load",
    "A connection pool larger than it can be of use",
    "Beyond a small multiple of the cores more connections make throughput fall, not rise. A finding needs both: "
    f"more than {_MULTIPLE} times the formula's number, and less than half of them busy in the busiest second.",
    POOL_SIZE,
    _examine_pool,
)
