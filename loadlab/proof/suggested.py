"""Proves every index that a review suggests."""

from __future__ import annotations

from dataclasses import replace

from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.protocol import Engine
from loadlab.measure.proof import IndexProof
from loadlab.measure.window import Show
from loadlab.pipeline import Ready
from loadlab.proof.prove import ProofPlan, prove_index
from loadlab.validate.review.load.indexes import suggestions
from loadlab.validate.review.model import ReviewFacts


def with_proofs(
    engine: Engine, ready: Ready, facts: ReviewFacts, show: Show, plan: ProofPlan | None = None
) -> ReviewFacts:
    """Facts with what was measured of each suggested index, one after the other. Raises as `prove_index` does."""
    proofs: dict[NewIndex, IndexProof] = {}
    for index, statements in suggestions(facts).items():
        operations = list(dict.fromkeys(key.partition("/")[0] for key in statements))
        show.step(f"Proving an index on {index.table} ({', '.join(index.columns)})")
        proofs[index] = prove_index(engine, ready, index, operations, show, plan)
    return replace(facts, proofs={**facts.proofs, **proofs})
