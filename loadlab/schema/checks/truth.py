"""Conditions in disjunctive normal form: which alternatives make one true, false or unknown, SQL's three values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from enum import Flag, auto

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR
from loadlab.schema.checks.branches import (
    ALWAYS,
    NEVER,
    Branch,
    Branches,
    all_of,
    both,
    compare,
    either,
    one,
    with_facts,
)
from loadlab.schema.checks.comparisons import always_known_when_set, column_comparison, read_comparison
from loadlab.schema.checks.constants import array_constants, constant
from loadlab.schema.checks.facts import (
    Allowed,
    Contains,
    Elements,
    Excluded,
    Fact,
    IsNull,
    JsonKeys,
    JsonText,
    NotEmptyRange,
    NotNull,
    RangeEnd,
    RangeInclusive,
    Scalar,
    Size,
    Spatial,
    Unbounded,
    Within,
)
from loadlab.schema.checks.syntax import bare, column_name, column_names, function, is_condition, is_null, negated
from loadlab.schema.checks.texts import pattern_facts, text_target


class Truth(Flag):
    """The values of a condition."""

    TRUE = auto()
    FALSE = auto()
    UNKNOWN = auto()

    @property
    def opposite(self) -> Truth:
        """The values that NOT makes of these."""
        swapped = self & Truth.UNKNOWN
        if Truth.TRUE in self:
            swapped |= Truth.FALSE
        if Truth.FALSE in self:
            swapped |= Truth.TRUE
        return swapped


TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
_SIGNS: dict[type[exp.Expr], str] = {
    exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.EQ: "=", exp.NEQ: "<>",
}  # fmt: skip
_NODES = {sign: kind for kind, sign in _SIGNS.items()}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
_CHOICES = (exp.Case, exp.Coalesce, exp.Nullif, exp.If)
_COMBINATIONS_MAX = 256
_Reader = Callable[[exp.Expr, Truth], Branches | None]
_Counted = tuple[exp.Expr, bool]
"""A condition that counts as one where it holds, and whether it is cast (no number where it is unknown)."""


def branches(node: exp.Expr, want: Truth) -> Branches:
    """The alternatives under which a condition has one of the wanted values."""
    node = bare(node)
    if want == TRUE | FALSE | UNKNOWN:
        return ALWAYS
    if TRUE in want and FALSE in want:
        return either(branches(node, TRUE), branches(node, FALSE))
    for kind, reader in _READERS.items():
        if isinstance(node, kind):
            read = reader(node, want)
            return read if read is not None else _opaque(node, want)
    read = _atom(node, want)
    return read if read is not None else _opaque(node, want)


def _opaque(node: exp.Expr, want: Truth) -> Branches:
    positive = TRUE in want
    return (Branch((), ((node if positive else negated(node)).sql(),)),)


def _fixed(value: bool | None, want: Truth) -> Branches:
    """A condition whose value is known."""
    found = UNKNOWN if value is None else TRUE if value else FALSE
    return ALWAYS if found in want else NEVER


def _and(node: exp.Expr, want: Truth) -> Branches:
    left, right = node.this, node.expression
    if want == UNKNOWN:
        either_way = TRUE | UNKNOWN
        return either(
            both(branches(left, UNKNOWN), branches(right, either_way)),
            both(branches(left, either_way), branches(right, UNKNOWN)),
        )
    join = both if TRUE in want else either
    return join(branches(left, want), branches(right, want))


def _or(node: exp.Expr, want: Truth) -> Branches:
    return _and(exp.And(this=negated(_paren(node.this)), expression=negated(_paren(node.expression))), want.opposite)


def _not(node: exp.Expr, want: Truth) -> Branches:
    return branches(node.this, want.opposite)


def _paren(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node.copy())


def _boolean(node: exp.Expr, want: Truth) -> Branches:
    return _fixed(bool(node.this), want)


def _null(_: exp.Expr, want: Truth) -> Branches:
    return _fixed(None, want)


def _column(node: exp.Expr, want: Truth) -> Branches:
    """A boolean column."""
    if want == UNKNOWN:
        return one(IsNull(node.name))
    fact = Allowed(node.name, (TRUE in want,))
    return one(fact) if UNKNOWN in want else one(fact, NotNull(node.name))


def _between(node: exp.Expr, want: Truth) -> Branches:
    value, low, high = node.this, node.args["low"], node.args["high"]
    inside = _conjunction([_compared(value, ">=", low), _compared(value, "<=", high)])
    if node.args.get("symmetric"):
        other = _conjunction([_compared(value, ">=", high), _compared(value, "<=", low)])
        inside = exp.Or(this=_paren(inside), expression=_paren(other))
    return branches(inside, want)


def _compared(left: exp.Expr, sign: str, right: exp.Expr) -> exp.Expr:
    return _NODES[sign](this=left.copy(), expression=right.copy())


def _conjunction(parts: Iterable[exp.Expr]) -> exp.Expr:
    return exp.and_(*parts, copy=False)


def _disjunction(parts: Iterable[exp.Expr]) -> exp.Expr:
    return exp.or_(*parts, copy=False)


def _is(node: exp.Expr, want: Truth) -> Branches | None:
    """IS NULL, IS TRUE, IS FALSE, IS JSON."""
    tested, what = bare(node.this), node.expression
    if isinstance(what, exp.JSON):
        return _is_json(tested, what, want)
    if isinstance(what, exp.Boolean):
        yes = TRUE if what.this else FALSE
        no = (FALSE if what.this else TRUE) | UNKNOWN
        return branches(tested, yes) if TRUE in want else branches(tested, no) if FALSE in want else NEVER
    if not isinstance(what, exp.Null):
        return None
    if want == UNKNOWN:
        return NEVER
    if is_condition(tested):
        return branches(tested, UNKNOWN if TRUE in want else TRUE | FALSE)
    return _has_no_value(tested) if TRUE in want else _has_value(tested)


def _is_json(tested: exp.Expr, what: exp.Expr, want: Truth) -> Branches | None:
    name = column_name(tested)
    if name is None or TRUE not in want:
        return None
    kind = str(what.this).lower() if what.this else None
    known = () if UNKNOWN in want else (NotNull(name),)
    return one(JsonText(name, kind if kind in ("object", "array", "scalar") else None), *known)


def _row(node: exp.Expr) -> list[exp.Expr] | None:
    """The members of a row value."""
    is_row = isinstance(node, exp.Tuple) or function(node) == "row"
    return list(node.expressions) if is_row else None


def _has_value(node: exp.Expr) -> Branches | None:
    """`node IS NOT NULL`."""
    row = _row(node)
    if row is not None:
        return all_of(branches(is_null(item), FALSE) for item in row)
    if isinstance(node, exp.Null):
        return NEVER
    if constant(node) is not None:
        return ALWAYS
    if isinstance(node, _CHOICES):
        return _lifted(is_null(node), FALSE)
    if isinstance(node, exp.ArrayPosition):
        return _has_element(node)
    needs, names = always_known_when_set(node), column_names(node)
    if needs is None or (not isinstance(node, exp.Column) and not _keeps_values(node)):
        return None
    return one(*(NotNull(name) for name in names), *needs)


def _keeps_values(node: exp.Expr) -> bool:
    """Whether an expression has a value wherever its columns have one (but for what `always_known_when_set` says)."""
    total = (
        exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Binary, exp.Neg, exp.Lower, exp.Upper, exp.Trim,
        exp.Length, exp.ArraySize, exp.Abs, exp.Round, exp.Cast, exp.DataType, exp.Anonymous,
    )  # fmt: skip
    return all(isinstance(part, total) for part in node.walk()) and not any(node.find_all(exp.JSONExtract))


def _has_no_value(node: exp.Expr) -> Branches | None:
    """`node IS NULL`."""
    row = _row(node)
    if row is not None:
        return all_of(branches(is_null(item), TRUE) for item in row)
    if isinstance(node, exp.Null):
        return ALWAYS
    if constant(node) is not None:
        return NEVER
    if isinstance(node, _CHOICES):
        return _lifted(is_null(node), TRUE)
    if isinstance(node, exp.ArrayPosition):
        return _has_no_element(node)
    if not isinstance(node, exp.Column) and not _keeps_values(node):
        return None
    none = _some_null(node)
    if none is None:
        return None
    empty = [column_name(part.this) for part in node.find_all(exp.ArraySize)]
    return either(none, *(one(Size(name, "=", 0)) for name in empty if name is not None))


def _has_no_element(node: exp.ArrayPosition) -> Branches | None:
    """`array_position(column, value) IS NULL`."""
    name, value = column_name(node.this), constant(node.expression)
    if name is None:
        return None
    if isinstance(bare(node.expression), exp.Null):
        return one(Elements(name, NotNull(name)))
    return None if value is None else one(Elements(name, Excluded(name, (value,))))


def _has_element(node: exp.ArrayPosition) -> Branches | None:
    name, value = column_name(node.this), constant(node.expression)
    return None if name is None or value is None else one(Contains(name, (value,)), NotNull(name))


def _in(node: exp.Expr, want: Truth) -> Branches | None:
    """IN of a list: of constants, of columns, of rows."""
    if node.args.get("query") or node.args.get("unnest") or not node.expressions:
        return None
    return _any_of(node.this, "=", list(node.expressions), want)


def _any_of(left: exp.Expr, sign: str, items: list[exp.Expr], want: Truth) -> Branches:
    """`left sign ANY (items)`."""
    values = [constant(item) for item in items if not isinstance(bare(item), exp.Null)]
    name, nulls = column_name(left), len(values) < len(items)
    if nulls and UNKNOWN in want and TRUE in want:
        return ALWAYS
    if name is None or sign != "=" or None in values or nulls:
        parts = [_compared(left, sign, _paren(item)) for item in items]
        return branches(_disjunction(parts), want) if parts else _fixed(False, want)
    if want == UNKNOWN:
        return one(IsNull(name))
    listed = tuple(dict.fromkeys(value for value in values if value is not None))
    fact: Fact = Allowed(name, listed) if TRUE in want else Excluded(name, listed)
    return one(fact) if UNKNOWN in want else one(fact, NotNull(name))


def _case(node: exp.Expr, want: Truth) -> Branches:
    """CASE whose results are conditions."""
    return either(*(both(given, branches(result, want)) for given, result in _cases(node)))


def _cases(node: exp.Expr) -> list[tuple[Branches, exp.Expr]]:
    """The results of a choice, each with the alternatives under which it is taken."""
    cases: list[tuple[Branches, exp.Expr]] = []
    before: Branches = ALWAYS
    pairs, default = _choice(node)
    for condition, result in pairs:
        cases.append((both(before, branches(condition, TRUE)), result))
        before = both(before, branches(condition, FALSE | UNKNOWN))
    return [*cases, (before, default)]


def _choice(node: exp.Expr) -> tuple[list[tuple[exp.Expr, exp.Expr]], exp.Expr]:
    """CASE, COALESCE, NULLIF and IF as conditions with results, and what is the result otherwise."""
    if isinstance(node, exp.Coalesce):
        *first, last = [node.this, *node.expressions]
        return [(negated(is_null(_paren(item))), item) for item in first], last
    if isinstance(node, exp.Nullif):
        return [(_compared(node.this, "=", node.expression), exp.Null())], node.this
    if isinstance(node, exp.If):
        return [(node.this, node.args["true"])], node.args.get("false") or exp.Null()
    subject = node.this
    pairs = [
        (item.this if subject is None else _compared(_paren(subject), "=", _paren(item.this)), item.args["true"])
        for item in node.args["ifs"]
    ]
    return pairs, node.args.get("default") or exp.Null()


def _lifted(node: exp.Expr, want: Truth) -> Branches:
    """A condition on a choice as a choice of conditions."""
    chosen = next(part for part in node.walk() if isinstance(part, _CHOICES))
    cases = []
    for given, result in _cases(chosen):
        if given:
            cases.append(both(given, branches(_replaced(node, chosen, result), want)))
    return either(*cases)


def _replaced(node: exp.Expr, old: exp.Expr, new: exp.Expr) -> exp.Expr:
    """A copy of a tree in which one node is another."""
    index = next(at for at, part in enumerate(node.walk()) if part is old)
    copy = node.copy()
    target = next(itertools.islice(copy.walk(), index, None))
    target.replace(_paren(new))
    return copy


def _comparison(node: exp.Expr, want: Truth) -> Branches | None:
    """< <= > >= = <> in all their uses."""
    return _compare(bare(node.this), _SIGNS[type(node)], bare(node.expression), want)


def _compare(left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    if isinstance(left, exp.Null) or isinstance(right, exp.Null):
        return _fixed(None, want)
    for subject, its_sign, list_ in ((left, sign, right), (right, MIRROR[sign], left)):
        if isinstance(list_, (exp.Any, exp.All)) or function(list_) in ("any", "all", "some"):
            return _quantified(subject, its_sign, list_, want)
    rows = _row(left), _row(right)
    if rows[0] is not None and rows[1] is not None:
        return _compare_rows(rows[0], sign, rows[1], want)
    counted = _counted(left, sign, right, want)
    if counted is not None:
        return counted
    if sign in ("=", "<>") and _are_conditions(left, right):
        return _agreement(left, right, want if sign == "=" else want.opposite)
    if any(part for side in (left, right) for part in side.walk() if isinstance(part, _CHOICES)):
        return _lifted(_compared(left, sign, right), want)
    return _plain(left, sign, right, want)


def _plain(left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    """A comparison without conditions inside."""
    pair = exp.Tuple(expressions=[left.copy(), right.copy()])
    if want == UNKNOWN:
        return _some_null(pair)
    read = read_comparison(left, sign if TRUE in want else _OPPOSITE[sign], right)
    return _known(read, pair, want)


def _some_null(node: exp.Expr) -> Branches | None:
    """One of the columns is NULL, where that leaves the expression without a value."""
    if always_known_when_set(node) is None or any(node.find_all(*_CHOICES)):
        return None
    return either(*(one(IsNull(name)) for name in column_names(node)))


def _known(read: Branches | None, node: exp.Expr, want: Truth) -> Branches | None:
    """Alternatives for a value or NULL; where NULL is not wanted, with columns that are not NULL."""
    if read is None or UNKNOWN in want:
        return read
    needs = always_known_when_set(node)
    return None if needs is None else with_facts(read, (*map(NotNull, column_names(node)), *needs))


def _are_conditions(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether a comparison is one of truth values."""
    kinds = [is_condition(side) or isinstance(side, exp.Column) for side in (left, right)]
    return all(kinds) and (is_condition(left) or is_condition(right))


def _agreement(left: exp.Expr, right: exp.Expr, want: Truth) -> Branches:
    """Two conditions have the same value (or not, or one of them none)."""
    if want == UNKNOWN:
        return either(branches(left, UNKNOWN), branches(right, UNKNOWN))
    nulls = want & UNKNOWN
    pairs = ((TRUE, TRUE), (FALSE, FALSE)) if TRUE in want else ((TRUE, FALSE), (FALSE, TRUE))
    return either(*(both(branches(left, a | nulls), branches(right, b | nulls)) for a, b in pairs))


def _same(node: exp.Expr, want: Truth) -> Branches:
    """IS NOT DISTINCT FROM: NULL is a value like another, and the outcome is never unknown."""
    if want == UNKNOWN:
        return NEVER
    left, right = node.this, node.expression
    if _are_conditions(bare(left), bare(right)):
        values = (TRUE, FALSE, UNKNOWN)
        pairs = [(a, b) for a in values for b in values if (a == b) == (TRUE in want)]
        return either(*(both(branches(left, a), branches(right, b)) for a, b in pairs))
    absent = [branches(is_null(_paren(side)), TRUE) for side in (left, right)]
    present = [branches(is_null(_paren(side)), FALSE) for side in (left, right)]
    equal = branches(_compared(left, "=", right), TRUE if TRUE in want else FALSE)
    if TRUE in want:
        return either(both(*absent), equal)
    return either(both(absent[0], present[1]), both(present[0], absent[1]), equal)


def _distinct(node: exp.Expr, want: Truth) -> Branches:
    return _same(node, want.opposite)


def _xor(node: exp.Expr, want: Truth) -> Branches:
    return _agreement(node.this, node.expression, want.opposite)


def _compare_rows(left: list[exp.Expr], sign: str, right: list[exp.Expr], want: Truth) -> Branches | None:
    """Row values compare member by member, from the first."""
    if len(left) != len(right) or not left:
        return None
    pairs = list(zip(left, right, strict=True))
    if sign in ("=", "<>"):
        same = _conjunction(_compared(a, "=", b) for a, b in pairs)
        return branches(same, want if sign == "=" else want.opposite)
    (a, b), rest = pairs[0], pairs[1:]
    if not rest:
        return branches(_compared(a, sign, b), want)
    later = _NODES[sign](
        this=exp.Tuple(expressions=[x.copy() for x, _ in rest]),
        expression=exp.Tuple(expressions=[y.copy() for _, y in rest]),
    )
    ahead = _compared(a, sign[0], b)
    tied = _conjunction([_compared(a, "=", b), later])
    return branches(exp.Or(this=_paren(ahead), expression=_paren(tied)), want)


def _quantified(subject: exp.Expr, sign: str, quantifier: exp.Expr, want: Truth) -> Branches | None:
    """`subject sign ANY (array)` or ALL."""
    everything = isinstance(quantifier, exp.All) or function(quantifier) == "all"
    array = quantifier.expressions[0] if isinstance(quantifier, exp.Anonymous) else quantifier.this
    array = bare(array)
    column = column_name(array)
    if column is not None:
        return _of_elements(subject, sign, column, everything, want)
    items = _array_items(array)
    if items is None:
        return None
    if everything:
        return _any_of(subject, _OPPOSITE[sign], items, want.opposite)
    return _any_of(subject, sign, items, want)


def _array_items(array: exp.Expr) -> list[exp.Expr] | None:
    values = array_constants(array)
    if values is not None:
        return [exp.Null() if value is None else _literal(value) for value in values]
    array = bare(array.this) if isinstance(array, exp.Cast) else array
    return list(array.expressions) if isinstance(array, (exp.Array, exp.Tuple)) else None


def _literal(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    return exp.Literal.string(value) if isinstance(value, str) else exp.convert(value)


def _of_elements(subject: exp.Expr, sign: str, column: str, everything: bool, want: Truth) -> Branches | None:
    """A constant against the elements of an array column."""
    value = constant(subject)
    if value is None or want == UNKNOWN:
        return None
    needs = () if UNKNOWN in want else (NotNull(column),)
    if (TRUE in want) == everything:
        wanted = MIRROR[sign] if everything else _OPPOSITE[MIRROR[sign]]
        read = column_comparison(column, wanted, value)
        if read is None or len(read) != 1:
            return None
        inner = (NotNull(column),) if needs else ()
        return one(*(Elements(column, fact) for fact in (*read[0].facts, *inner)), *needs)
    return one(Contains(column, (value,)), *needs) if sign == "=" and not everything else None


def _counted(left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    """How many of several conditions hold: num_nonnulls(...) = 1, a sum of CASEs or casts of conditions."""
    if constant(left) is not None:
        left, right, sign = right, left, MIRROR[sign]
    number, terms = constant(right), _indicators(left)
    if terms is None or not isinstance(number, (int, float)):
        return None
    conditions, offset = terms
    if want == UNKNOWN:
        return NEVER
    wanted = sign if TRUE in want else _OPPOSITE[sign]
    counts = [n for n in range(len(conditions) + 1) if compare(n + offset, wanted, number)]
    return _exactly(conditions, counts)


def _exactly(conditions: list[_Counted], counts: list[int]) -> Branches:
    """One of these numbers of the conditions hold.

    A condition that is cast is a number only where it is not unknown, so it must then be either true or false.
    """
    size, cast = len(conditions), any(is_cast for _, is_cast in conditions)
    if not counts or (len(counts) == size + 1 and not cast):
        return ALWAYS if counts else NEVER
    yes = [branches(condition, TRUE) for condition, _ in conditions]
    no = [branches(condition, FALSE if is_cast else FALSE | UNKNOWN) for condition, is_cast in conditions]
    # With one end open it is enough to say which must hold, or which must not.
    at_least, at_most = counts == list(range(size + 1))[-len(counts) :], counts == list(range(len(counts)))
    at_least, at_most = at_least and not cast, at_most and not cast
    chosen = counts if not (at_least or at_most) else [counts[0]] if at_least else [counts[-1]]
    picks = itertools.chain.from_iterable(itertools.combinations(range(size), count) for count in chosen)
    parts = []
    for pick in itertools.islice(picks, _COMBINATIONS_MAX):
        held = [yes[n] if n in pick else no[n] for n in range(size)]
        needed = [held[n] for n in range(size) if (n in pick or not at_least) and (n not in pick or not at_most)]
        parts.append(all_of(needed))
    return either(*parts)


def _indicators(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """The conditions that a sum of zeros and ones counts, and what else is added."""
    node = bare(node)
    if isinstance(node, exp.Add):
        left, right = (
            _indicators(node.this) or _whole(node.this),
            _indicators(node.expression) or _whole(node.expression),
        )
        return None if left is None or right is None else (left[0] + right[0], left[1] + right[1])
    if function(node) in ("num_nonnulls", "num_nulls"):
        wanted = negated if function(node) == "num_nonnulls" else _same_node
        return [(wanted(is_null(_paren(item))), False) for item in _arguments(node)], 0
    if isinstance(node, exp.ArraySize) or function(node) == "cardinality":
        return _array_without_nulls(node)
    return _indicator(node) if isinstance(node, (exp.Case, exp.If)) else None


def _same_node(node: exp.Expr) -> exp.Expr:
    return node


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    """The arguments of a function, those of VARIADIC ARRAY[...] included."""
    first = bare(node.expressions[0]) if node.expressions else None
    if isinstance(first, exp.Variadic):
        array = bare(first.this)
        return list(array.expressions)
    return list(node.expressions)


def _array_without_nulls(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """`cardinality(array_remove(ARRAY[a, b], NULL))` counts what is not NULL."""
    inner = bare(node.expressions[0] if isinstance(node, exp.Anonymous) else node.this)
    if not isinstance(inner, exp.ArrayRemove) or not isinstance(bare(inner.expression), exp.Null):
        return None
    array = bare(inner.this)
    if not isinstance(array, exp.Array):
        return None
    return [(negated(is_null(_paren(item))), False) for item in array.expressions], 0


def _whole(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    value = constant(node)
    return ([], value) if isinstance(value, int) else None


def _indicator(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """A CASE of one condition whose results are 1 and 0."""
    pairs, default = _choice(node)
    results = [constant(result) for _, result in pairs]
    if results == [1, 0] and isinstance(default, exp.Null):
        return [(pairs[0][0], True)], 0
    if len(results) != 1 or {results[0], constant(default)} != {0, 1}:
        return None
    condition = pairs[0][0]
    if results[0] == 0:
        condition = negated(exp.Paren(this=exp.Is(this=_paren(condition), expression=exp.Boolean(this=True))))
    return [(condition, False)], 0


def _pattern(node: exp.Expr, want: Truth) -> Branches | None:
    """LIKE, regular expressions and their kin."""
    inner = node.this if isinstance(node, exp.Escape) else node
    listed = inner.args.get("expression")
    if isinstance(listed, (exp.Any, exp.All)) or (listed is not None and function(listed) in ("any", "all")):
        return _pattern_list(inner, listed, want)
    if any(node.find_all(*_CHOICES)):
        return _lifted(node, want)
    if want == UNKNOWN:
        return _some_null(node)
    facts = pattern_facts(node, TRUE in want)
    return None if facts is None else _known(one(*facts), node, want)


def _pattern_list(node: exp.Expr, quantifier: exp.Expr, want: Truth) -> Branches | None:
    """`x LIKE ANY (array)`."""
    array = quantifier.expressions[0] if isinstance(quantifier, exp.Anonymous) else quantifier.this
    items = _array_items(bare(array))
    if not items:
        return None
    parts = [type(node)(this=node.this.copy(), expression=item.copy()) for item in items]
    everything = isinstance(quantifier, exp.All) or function(quantifier) == "all"
    return branches((_conjunction if everything else _disjunction)(parts), want)


def _contained(node: exp.Expr, want: Truth) -> Branches | None:
    """`column <@ ARRAY[...]`: every element is one of these. `column @> ARRAY[...]`: it has all of these."""
    left, right = bare(node.this), bare(node.expression)
    if isinstance(node, exp.ArrayContainedBy):
        left, right = right, left
    if TRUE not in want:
        return None
    inner, whole = column_name(right), array_constants(left)
    if inner is not None and whole is not None and None not in whole:
        values = tuple(value for value in whole if value is not None)
        return _known(one(Elements(inner, Allowed(inner, values)), Elements(inner, NotNull(inner))), node, want)
    outer, part = column_name(left), array_constants(right)
    if outer is not None and part is not None and None not in part:
        return _known(one(Contains(outer, tuple(value for value in part if value is not None))), node, want)
    return None


def _keys(node: exp.Expr, want: Truth) -> Branches | None:
    """`document ? 'key'` and `?&`, `?|`."""
    name = column_name(node.this)
    single, several = constant(node.expression), array_constants(node.expression)
    keys = (single,) if single is not None else several
    if name is None or not keys or want == UNKNOWN:
        return None
    absent, texts = TRUE not in want, tuple(str(key) for key in keys)
    if isinstance(node, exp.JSONBContainsAnyTopKeys) != absent:
        return _known(either(*(one(JsonKeys(name, (key,), absent)) for key in texts)), node, want)
    return _known(one(JsonKeys(name, texts, absent)), node, want)


def _within(node: exp.Expr, want: Truth) -> Branches | None:
    """`address << 'network'`: strictly within, which an address of a host is in any wider network."""
    name, network = column_name(node.this), constant(node.expression)
    if name is None or not isinstance(network, str) or "/" not in network or want == UNKNOWN:
        return None
    return _known(one(Within(name, network, TRUE not in want)), node, want)


def _function(node: exp.Expr, want: Truth) -> Branches | None:
    """Functions whose result is a truth value."""
    name = column_name(node.expressions[0]) if node.expressions else None
    if name is None or want == UNKNOWN:
        return None
    facts = _TRUTHS.get((function(node), TRUE in want))
    return None if facts is None else _known(one(facts(name)), node, want)


_TRUTHS: dict[tuple[str, bool], Callable[[str], Fact]] = {
    ("isempty", False): NotEmptyRange,
    ("lower_inf", False): lambda name: RangeEnd(name, "lower"),
    ("upper_inf", False): lambda name: RangeEnd(name, "upper"),
    ("lower_inf", True): lambda name: Unbounded(name, "lower"),
    ("upper_inf", True): lambda name: Unbounded(name, "upper"),
    ("lower_inc", True): lambda name: RangeInclusive(name, "lower", True),
    ("lower_inc", False): lambda name: RangeInclusive(name, "lower", False),
    ("upper_inc", True): lambda name: RangeInclusive(name, "upper", True),
    ("upper_inc", False): lambda name: RangeInclusive(name, "upper", False),
    ("json_valid", True): JsonText,
    ("st_isvalid", True): lambda name: Spatial(name, "isvalid", "=", True),
    ("isfinite", True): lambda name: Excluded(name, ("infinity", "-infinity")),
}


def _atom(node: exp.Expr, want: Truth) -> Branches | None:
    if function(node):
        return _function(node, want)
    return None


_PATTERNS = (
    exp.Like, exp.ILike, exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.SimilarTo, exp.StartsWith, exp.Glob,
)  # fmt: skip
_READERS: dict[type[exp.Expr] | tuple[type[exp.Expr], ...], _Reader] = {
    exp.And: _and,
    exp.Or: _or,
    exp.Xor: _xor,
    exp.Not: _not,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Column: _column,
    exp.Between: _between,
    exp.Is: _is,
    exp.In: _in,
    _CHOICES: _case,
    exp.NullSafeEQ: _same,
    exp.NullSafeNEQ: _distinct,
    _PATTERNS: _pattern,
    tuple(_SIGNS): _comparison,
    (exp.ArrayContainsAll, exp.ArrayContainedBy): _contained,
    (exp.JSONBContains, exp.JSONBContainsTopKey, exp.JSONBContainsAllTopKeys, exp.JSONBContainsAnyTopKeys): _keys,
    exp.BitwiseLeftShift: _within,
}
__all__ = ["Truth", "branches", "text_target"]
