"""What the rewriting rules share: small steps on sqlglot's trees, and the one way to refuse."""

from __future__ import annotations

from sqlglot import exp


class UntranslatableError(ValueError):
    """A text that has no counterpart in MariaDB and MySQL; the message says which part of it."""


def call(name: str, *arguments: exp.Expr | str) -> exp.Anonymous:
    """A function call; plain texts become literals."""
    return exp.Anonymous(this=name, expressions=[exp.convert(item, copy=True) for item in arguments])


def bare(node: exp.Expr) -> exp.Expr:
    """Without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def is_text(node: exp.Expr) -> bool:
    """Whether it is a literal text."""
    return isinstance(node, exp.Literal) and bool(node.is_string)
