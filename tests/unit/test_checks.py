"""CHECK expressions, as servers print them and as people write them, and the facts that they state."""

from __future__ import annotations

import time

import pytest
from sqlglot import exp

from loadlab.schema.checks import (
    Allowed,
    Bound,
    BoundToNow,
    Casing,
    Compared,
    ComparedToExpression,
    ContainedIn,
    Contains,
    DatePart,
    Derived,
    Elements,
    Excluded,
    Fact,
    Inside,
    IsNull,
    JsonKeys,
    JsonText,
    JsonType,
    Length,
    Like,
    Linear,
    Matches,
    Member,
    Multiple,
    Network,
    NotEmptyRange,
    NotNull,
    RangeEnd,
    RangeEndIs,
    RangeInclusive,
    RangeWidth,
    Segment,
    Size,
    Spatial,
    TreeLevel,
    Truncated,
    Unbounded,
    Within,
    expression_columns,
    read_check,
    read_condition,
)
from loadlab.schema.checks.bounds import (
    DefaultBound,
    Edge,
    HashBound,
    ListBound,
    PartitionBound,
    RangeBound,
    read_bound,
)

DAY_US = 86_400_000_000
trimmed, small = Casing("x", "trimmed"), Casing("x", "lower")
one_of_two = ((NotNull("a"), IsNull("b")), (IsNull("a"), NotNull("b")))

SINGLE: list[tuple[str, tuple[Fact, ...]]] = [
    # Comparisons with constants
    ("x > 0", (Bound("x", ">", 0),)),
    ("0 < x", (Bound("x", ">", 0),)),
    ("(x >= 1) AND (x <= 5)", (Bound("x", ">=", 1), Bound("x", "<=", 5))),
    ("x BETWEEN 1 AND 5", (Bound("x", ">=", 1), Bound("x", "<=", 5))),
    ("x > '-1'::integer", (Bound("x", ">", -1),)),
    ("x >= (0)::numeric", (Bound("x", ">=", 0),)),
    ("x < 99.5", (Bound("x", "<", 99.5),)),
    ("x <= 1024 * 1024", (Bound("x", "<=", 1048576),)),
    ("NOT (x < 3)", (Bound("x", ">=", 3),)),
    ("x <> 0", (Excluded("x", (0,)),)),
    ("x != 0", (Excluded("x", (0,)),)),
    ("x = 5", (Allowed("x", (5,)),)),
    ("x <> 'NaN'::numeric", (Excluded("x", ("NaN",)),)),
    ("x < 'Infinity'::double precision", (Bound("x", "<", "Infinity"),)),
    ("isfinite(x)", (Excluded("x", ("infinity", "-infinity")),)),
    ("x >= '2020-01-01'::date", (Bound("x", ">=", "2020-01-01"),)),
    ("x > DATE '2020-01-01'", (Bound("x", ">", "2020-01-01"),)),
    ("x <= '24:00:00'::interval", (Bound("x", "<=", "24:00:00"),)),
    ("abs(x) < 10", (Bound("x", "<", 10), Bound("x", ">", -10))),
    ("-x < 5", (Bound("x", ">", -5),)),
    ("GREATEST(a, b) <= 5", (Bound("a", "<=", 5), Bound("b", "<=", 5))),
    ("LEAST(a, b) >= c", (Compared("a", ">=", "c"), Compared("b", ">=", "c"))),
    ("0 < LEAST(a, b)", (Bound("a", ">", 0), Bound("b", ">", 0))),
    ("x + 1 <= 5", (Bound("x", "<=", 4),)),
    ('"Odd Name" > 0', (Bound("Odd Name", ">", 0),)),
    ('public.t."Col" > 0', (Bound("Col", ">", 0),)),
    ("Price > 0", (Bound("price", ">", 0),)),
    # Lists
    ("x IN ('a', 'b')", (Allowed("x", ("a", "b")),)),
    ("x NOT IN (1, 2)", (Excluded("x", (1, 2)),)),
    ("x IN (1, 2, NULL)", ()),
    ("x = ANY (ARRAY['a'::text, 'b'::text])", (Allowed("x", ("a", "b")),)),
    ("(x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])", (Allowed("x", ("a", "b")),)),
    ("x::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text])", (Allowed("x", ("a", "b")),)),
    ("x = ANY ('{a,\"b c\"}'::text[])", (Allowed("x", ("a", "b c")),)),
    ("x = ANY ('{1,2}'::integer[])", (Allowed("x", (1, 2)),)),
    ("x <> ALL (ARRAY[1, 2])", (Excluded("x", (1, 2)),)),
    ("x = 'a' OR x = 'b' OR x = 'c'", (Allowed("x", ("a", "b", "c")),)),
    ("x = 'a'::bpchar OR x = 'b'::bpchar", (Allowed("x", ("a", "b")),)),
    ("x IN ('a', 'b') AND x <> 'b'", (Allowed("x", ("a",)),)),
    ("upper(x::text) = ANY (ARRAY['M'::text, 'F'::text])", (Casing("x", "upper"), Allowed("x", ("M", "F")))),
    ("call = ANY (ARRAY['Y', 'N'])", (Allowed("call", ("Y", "N")),)),
    # NULL
    ("x IS NULL OR x > 0", (Bound("x", ">", 0),)),
    ("x IS NULL", (IsNull("x"),)),
    ("x IS NOT NULL", (NotNull("x"),)),
    ("x NOTNULL", (NotNull("x"),)),
    ("ROW(a, b) IS NOT NULL", (NotNull("a"), NotNull("b"))),
    ("num_nonnulls(a, b) = 2", (NotNull("a"), NotNull("b"))),
    ("num_nulls(a, b) = 2", (IsNull("a"), IsNull("b"))),
    ("NULLIF(x, '') IS NOT NULL", (Length("x", ">", 0), NotNull("x"))),
    ("COALESCE(x, '') <> ''", (NotNull("x"), Length("x", ">", 0))),
    ("COALESCE(x, 0) >= 0", (Bound("x", ">=", 0),)),
    ("(a IS NULL, b IS NULL) = (true, false)", (IsNull("a"), NotNull("b"))),
    # Booleans
    ("x", (Allowed("x", (True,)),)),
    ("NOT x", (Allowed("x", (False,)),)),
    ("x = false", (Allowed("x", (False,)),)),
    ("x IS TRUE", (Allowed("x", (True,)), NotNull("x"))),
    ("x IS NOT TRUE", (Allowed("x", (False,)),)),
    ("x IS UNKNOWN", (IsNull("x"),)),
    ("true", ()),
    ("1 = 1", ()),
    ("TRUE OR weird(x)", ()),
    # Texts
    ("x <> ''::text", (Length("x", ">", 0),)),
    ("length(x) = 3", (Length("x", "=", 3),)),
    ("char_length((x)::text) <= 255", (Length("x", "<=", 255),)),
    ("character_length(x) > 1", (Length("x", ">", 1),)),
    ("octet_length(x) = 32", (Length("x", "=", 32, "bytes"),)),
    ("bit_length(x) = 32", (Length("x", "=", 4, "bytes"),)),
    ("char_length(btrim(x)) > 0", (trimmed, Length("x", ">", 0))),
    ("length(TRIM(BOTH FROM x)) > 0", (trimmed, Length("x", ">", 0))),
    ("length(x) = length(btrim(x))", (trimmed,)),
    ("btrim(x) <> ''", (trimmed, Length("x", ">", 0))),
    ("lower(x) = x", (small,)),
    ("x = upper(x)", (Casing("x", "upper"),)),
    ("x = lower(btrim(x))", (small, trimmed)),
    ("lower(x) <> 'admin'", (small, Excluded("x", ("admin",)))),
    ("x ~ '^[a-z]+$'::text", (Matches("x", "^[a-z]+$"),)),
    ("(x)::text ~* '^[a-z]+$'::text", (Matches("x", "^[a-z]+$", True, as_text=True),)),
    ("x !~ ' '", (Matches("x", " ", False, True),)),
    ("x !~* 'a'", (Matches("x", "a", True, True),)),
    ("regexp_like(x, '^a', 'i')", (Matches("x", "^a", True),)),
    ("name OPERATOR(public.~) '^a'::public.citext", (Matches("name", "^a"),)),
    ("x ~ ('^a' || 'b')", (Matches("x", "^ab"),)),
    ("x SIMILAR TO '[a-z]_%'", (Matches("x", "^(?:[a-z]..*)$"),)),
    ("x ~ similar_to_escape('a|b'::text)", (Matches("x", "^(?:a|b)$"),)),
    ("x ~~ 'a%'::text", (Like("x", "a%"),)),
    ("x LIKE 'a!%%' ESCAPE '!'", (Like("x", "a\\%%"),)),
    ("x !~~ '% %'", (Like("x", "% %", False, True),)),
    ("x ILIKE 'a%'", (Like("x", "a%", True),)),
    ("starts_with(x, '10%')", (Like("x", "10\\%%"),)),
    ("POSITION(('@'::text) IN (x)) > 0", (Like("x", "%@%"),)),
    ("\"position\"(x, '@'::text) > 1", (Like("x", "@%", negated=True), Like("x", "_%@%"))),
    ("strpos(x, ' ') = 0", (Like("x", "% %", negated=True),)),
    ("\"left\"(x, 1) = '/'", (Like("x", "/%"),)),
    ("\"right\"(x, 1) <> '/'", (Like("x", "%/", negated=True),)),
    ("\"substring\"(x, 1, 2) = 'ab'", (Like("x", "ab%"),)),
    ("lower(a) <> lower(b)", (Casing("a", "lower"), Casing("b", "lower"), Compared("a", "<>", "b"))),
    # Columns against each other
    ("a < b", (Compared("a", "<", "b"),)),
    ("ends_at > starts_at", (Compared("ends_at", ">", "starts_at"),)),
    ("a <> b", (Compared("a", "<>", "b"),)),
    ("a = b", (Compared("a", "=", "b"),)),
    ("a = b + 1", (Compared("a", "=", "b", 1),)),
    ("e <= (s + '1 day'::interval)", (Compared("e", "<=", "s", DAY_US, "us"),)),
    ("e - s <= INTERVAL '1 day 02:00:00'", (Compared("e", "<=", "s", DAY_US + 7_200_000_000, "us"),)),
    ("e <= s + '1 mon'::interval", (Compared("e", "<=", "s", 28 * DAY_US, "us"),)),
    ("e >= s + '1 mon'::interval", (Compared("e", ">=", "s", 31 * DAY_US, "us"),)),
    ("d <= CURRENT_DATE", (BoundToNow("d", "<="),)),
    ("now() > d", (BoundToNow("d", "<"),)),
    ("d <= CURRENT_DATE + 7", (BoundToNow("d", "<=", 7, "number"),)),
    ("a + b <= 100", (Linear((("a", 1), ("b", 1)), "<=", 100),)),
    ("used <= quota * 2", (Linear((("used", 1), ("quota", -2)), "<=", 0),)),
    ("a + b + c = 100", (Linear((("a", 1), ("b", 1), ("c", 1)), "=", 100),)),
    ("(level = 0) = (parent_id IS NULL)", (TreeLevel("parent_id", "level", 0),)),
    ("(level = 0 AND p IS NULL) OR (level > 0 AND p IS NOT NULL)", (TreeLevel("p", "level", 0, True),)),
    # Numbers
    ("(x % 5) = 0", (Multiple("x", 5),)),
    ("mod(x, 5) = 2", (Multiple("x", 5, 2), Bound("x", ">=", 0))),
    ("(x & 3) = 0", (Multiple("x", 4),)),
    # Documents and arrays
    ("jsonb_typeof(x) = 'object'::text", (JsonType("x", "object"),)),
    ("jsonb_typeof((x -> 'tags'::text)) = 'array'", (Member("x", ("tags",), JsonType("x", "array")),)),
    ("jsonb_typeof(x -> 'tags'::text) = 'array'", (Member("x", ("tags",), JsonType("x", "array")),)),
    ("x ? 'k'", (JsonKeys("x", ("k",)),)),
    ("NOT (x ? 'k')", (JsonKeys("x", ("k",), True),)),
    ("x ?& ARRAY['a', 'b']", (JsonKeys("x", ("a", "b")),)),
    ("(x ->> 'k') IS NOT NULL", (JsonKeys("x", ("k",)), NotNull("x"))),
    ("(x ->> 'k'::text) = 'a'::text", (Member("x", ("k",), Allowed("x", ("a",))),)),
    ("jsonb_array_length(x) > 0", (JsonType("x", "array"), Size("x", ">", 0))),
    ("x IS JSON OBJECT", (JsonText("x", "object"),)),
    ("cardinality(x) <= 10", (Size("x", "<=", 10),)),
    ("array_length(x, 1) > 0", (Size("x", ">", 0),)),
    ("array_ndims(x) = 1", (Size("x", ">", 0),)),
    ("array_position(x, NULL::text) IS NULL", (Elements("x", NotNull("x")),)),
    ("array_position(x, '') IS NULL", (Elements("x", Excluded("x", ("",))),)),
    ("0 < ALL (x)", (Elements("x", Bound("x", ">", 0)),)),
    ("'a' = ANY (x)", (Contains("x", ("a",)),)),
    ("x @> ARRAY['a', 'b']", (Contains("x", ("a", "b")),)),
    (
        "x @> '{\"a\": 1}'::jsonb",
        (JsonType("x", "object"), JsonKeys("x", ("a",)), Member("x", ("a",), Allowed("x", (1,)))),
    ),
    ("NOT (x @> '{\"a\": 1}'::jsonb)", (JsonKeys("x", ("a",), True),)),
    ("x <@ ARRAY['a', 'b']", (Elements("x", Allowed("x", ("a", "b"))), Elements("x", NotNull("x")))),
    # Times
    ("date_trunc('month'::text, (x)::timestamp with time zone) = x", (Truncated("x", "month"),)),
    ("EXTRACT(day FROM x) = (1)::numeric", (Truncated("x", "month"),)),
    ("date_part('minute'::text, x) = (0)::double precision", (Truncated("x", "hour"),)),
    ("EXTRACT(dow FROM x) = 0", (DatePart("x", "dow", "=", 0),)),
    ("EXTRACT(year FROM x) >= 1900", (Bound("x", ">=", "1900-01-01"),)),
    # Ranges, addresses, places
    ("NOT isempty(x)", (NotEmptyRange("x"),)),
    ("a <@ b", (ContainedIn("a", "b"),)),
    ("b @> a", (ContainedIn("a", "b"),)),
    ("x IN ('interval', 'date')", (Allowed("x", ("interval", "date")),)),
    ("x <> 'OPERATOR(a.b)'", (Excluded("x", ("OPERATOR(a.b)",)),)),
    ("upper(x) - lower(x) >= '01:00:00'::interval", (RangeWidth("x", ">=", 3_600_000_000, "us"),)),
    ("split_part(x, '/', 1) = y::text", (Segment("x", "/", 1, "y"),)),
    ("starts_with(x, y::text || '/')", (Segment("x", "/", 1, "y"),)),
    ("x LIKE y || '/%'", (Segment("x", "/", 1, "y"),)),
    ("EXTRACT(epoch FROM y - x) >= 60", (Compared("y", ">=", "x", 60_000_000, "us"),)),
    ("date_trunc('month', x::timestamp)::date = x", (Truncated("x", "month"),)),
    ("NOT (x && ARRAY['', 'a'])", (Elements("x", Excluded("x", ("", "a"))),)),
    (
        "regexp_replace(x, '[- ]', '', 'g') ~ '^[0-9]+$'",
        (Matches("x", "^[^- ]*$"), Matches("x", "^[0-9]+$", as_text=True)),
    ),
    ("x = 'english'::regconfig", (Allowed("x", ("english",)),)),
    ("lower(x) < upper(x)", (NotEmptyRange("x"),)),
    ("lower(x) IS NOT NULL", (NotNull("x"), RangeEnd("x", "lower"))),
    ("NOT upper_inf(x)", (RangeEnd("x", "upper"),)),
    ("upper_inf(x)", (Unbounded("x", "upper"),)),
    ("lower_inc(x)", (RangeInclusive("x", "lower", True),)),
    ("lower(x) >= 0", (RangeEnd("x", "lower", ">=", 0),)),
    ("x <@ '[1,10)'::int4range", (Inside("x", (Bound("x", ">=", 1), Bound("x", "<", 10))),)),
    ("int4range(1, 10, '(]') @> x", (Inside("x", (Bound("x", ">", 1), Bound("x", "<=", 10))),)),
    ("x <@ '[2020-01-01,)'::daterange", (Inside("x", (Bound("x", ">=", "2020-01-01"),)),)),
    ("family(x) = 4", (Network("x", "family", "=", 4),)),
    ("masklen(x) = 24", (Network("x", "masklen", "=", 24),)),
    ("x << '10.0.0.0/8'::inet", (Within("x", "10.0.0.0/8"),)),
    ("st_srid(x) = 4326", (Spatial("x", "srid", "=", 4326),)),
]

SEVERAL: list[tuple[str, tuple[tuple[Fact, ...], ...]]] = [
    ("num_nonnulls(a, b) = 1", one_of_two),
    ("(a IS NULL) <> (b IS NULL)", one_of_two[::-1]),
    ("(a IS NOT NULL)::int + (b IS NOT NULL)::int = 1", one_of_two),
    ("(CASE WHEN a IS NULL THEN 0 ELSE 1 END + CASE WHEN b IS NULL THEN 0 ELSE 1 END) = 1", one_of_two),
    ("cardinality(array_remove(ARRAY[a, b], NULL)) = 1", one_of_two),
    ("num_nonnulls(a, b) >= 1", ((NotNull("a"),), (NotNull("b"),))),
    ("num_nonnulls(a, b) <= 1", ((IsNull("b"),), (IsNull("a"),))),
    ("num_nonnulls(a, b) = ANY (ARRAY[0, 2])", ((IsNull("a"), IsNull("b")), (NotNull("a"), NotNull("b")))),
    ("(a IS NULL) = (b IS NULL)", ((IsNull("a"), IsNull("b")), (NotNull("a"), NotNull("b")))),
    # Where conditions are numbers.
    ("(a IS NULL AND b IS NULL) = 1", ((IsNull("a"), IsNull("b")),)),
    ("0 <> (CASE WHEN a IS NULL THEN b IS NOT NULL ELSE b IS NULL END)", one_of_two[::-1]),
    (
        "a IS NULL AND b IS NULL OR a IS NOT NULL AND b > 0",
        ((IsNull("a"), IsNull("b")), (NotNull("a"), Bound("b", ">", 0))),
    ),
    (
        "(k = 'a' AND x IS NOT NULL) OR (k = 'b' AND x IS NULL)",
        ((Allowed("k", ("a",)), NotNull("x")), (Allowed("k", ("b",)), IsNull("x"))),
    ),
    (
        "CASE k WHEN 'a' THEN x > 0 ELSE x = 0 END",
        ((Allowed("k", ("a",)), NotNull("k"), Bound("x", ">", 0)), (Excluded("k", ("a",)), Allowed("x", (0,)))),
    ),
    ("x NOT BETWEEN 1 AND 2", ((Bound("x", "<", 1),), (Bound("x", ">", 2),))),
    ("NOT (a > 1 AND b > 2)", ((Bound("a", "<=", 1),), (Bound("b", "<=", 2),))),
    (
        "a IS DISTINCT FROM b",
        ((NotNull("a"), Compared("a", "<>", "b")), (NotNull("b"), Compared("a", "<>", "b"))),
    ),
    ("(a, b) < (c, d)", ((Compared("a", "<", "c"),), (Compared("a", "=", "c"), Compared("b", "<", "d")))),
    ("x LIKE ANY (ARRAY['a%', 'b%'])", ((Like("x", "a%"),), (Like("x", "b%"),))),
    ("x % 3 <> 0", ((Multiple("x", 3, 1), Bound("x", ">=", 0)), (Multiple("x", 3, 2), Bound("x", ">=", 0)))),
    (
        "GREATEST(a, b) > 5",
        ((IsNull("a"), IsNull("b")), (Bound("a", ">", 5), NotNull("a")), (Bound("b", ">", 5), NotNull("b"))),
    ),
    (
        "LEAST(a, b) = 5",
        (
            (IsNull("a"), IsNull("b")),
            (Allowed("a", (5,)), NotNull("a"), Bound("b", ">=", 5)),
            (Allowed("b", (5,)), NotNull("b"), Bound("a", ">=", 5)),
        ),
    ),
    ("false", ()),
    ("x IS NULL AND x IS NOT NULL", ()),
    ("x = 1 AND x = 2", ((IsNull("x"),),)),
    ("x IN (1, 2) AND x > 5", ((IsNull("x"),),)),
]


@pytest.mark.parametrize("expression, facts", SINGLE, ids=[expression for expression, _ in SINGLE])
def test_one_conjunction(expression: str, facts: tuple[Fact, ...]) -> None:
    reading = read_check(expression, "postgresql")
    assert reading.not_understood == ()
    assert reading.branches == (facts,)


@pytest.mark.parametrize("expression, branches", SEVERAL, ids=[expression for expression, _ in SEVERAL])
def test_alternatives(expression: str, branches: tuple[tuple[Fact, ...], ...]) -> None:
    reading = read_check(expression, "postgresql")
    assert reading.not_understood == ()
    assert reading.branches == branches


@pytest.mark.parametrize(
    "expression, columns",
    [
        ("total = qty * price", ("qty", "price")),
        ("total = round(qty * price, 2)", ("qty", "price")),
        ("subtotal + tax = total", ("subtotal", "tax")),
        ("slug = lower(title)", ("title",)),
        ("full_name = first || ' ' || last", ("first", "last")),
    ],
)
def test_derived_columns(expression: str, columns: tuple[str, ...]) -> None:
    ((fact,),) = read_check(expression, "postgresql").branches
    assert isinstance(fact, Derived)
    assert (fact.columns, fact.column in columns) == (columns, False)
    assert {node.name for node in fact.expression.find_all(exp.Column)} == set(columns)


def test_bounds_by_expressions() -> None:
    ((fact,),) = read_check("total >= qty * price", "postgresql").branches
    assert isinstance(fact, ComparedToExpression)
    assert (fact.column, fact.sign, fact.others) == ("total", ">=", ("qty", "price"))


@pytest.mark.parametrize(
    "dialect, expression, facts",
    [
        ("sqlite", "x GLOB '[0-9]*'", (Matches("x", "^[0-9].*$"),)),
        ("sqlite", "x REGEXP '^a'", (Matches("x", "^a"),)),
        ("sqlite", "Name IN ('a', 'b')", (Allowed("Name", ("a", "b")),)),
        ("sqlite", "length(x) <= 5", (Length("x", "<=", 5),)),
        ("mysql", "(`x` in (_utf8mb4'a',_utf8mb4'b'))", (Allowed("x", ("a", "b")),)),
        ("mysql", "x REGEXP '^a'", (Matches("x", "^a"),)),
        ("mysql", "json_valid(`x`)", (JsonText("x"),)),
        ("mysql", "char_length(x) > 1", (Length("x", ">", 1),)),
    ],
)
def test_other_dialects(dialect: str, expression: str, facts: tuple[Fact, ...]) -> None:
    assert read_check(expression, dialect).branches == (facts,)


def test_what_is_not_understood_is_named_and_the_rest_is_read() -> None:
    reading = read_check("is_fine(x) AND y > 0", "postgresql")
    assert reading.branches == ((Bound("y", ">", 0),),)
    assert len(reading.not_understood) == 1
    assert "is_fine" in reading.not_understood[0].lower()


def test_an_alternative_that_is_not_understood_is_left_out() -> None:
    reading = read_check("is_fine(x) OR x IS NULL", "postgresql")
    assert reading.branches == ((IsNull("x"),),)
    assert reading.not_understood == ()
    assert len(reading.left_out) == 1


def test_the_columns_of_what_is_not_understood_are_told() -> None:
    (text,) = read_check("is_fine(x, data ->> 'k') AND y > 0", "postgresql").not_understood
    assert expression_columns(text, "postgresql") == ("x", "data")


def test_a_value_inside_a_range_keeps_its_bounds_and_a_range_does_not() -> None:
    reading = read_check("x <@ '[1,10)'::int4range", "postgresql")
    assert reading.of_values(()).branches == ((Bound("x", ">=", 1), Bound("x", "<", 10)),)
    assert reading.of_values({"x"}) == reading
    end = read_check("upper(x) = y", "postgresql")
    assert end.of_values({"x"}).branches == ((RangeEndIs("x", "upper", "y"),),)
    assert end.of_values(()) == end


def test_a_cast_of_a_column_to_an_object_asks_for_something_unknown() -> None:
    assert read_check("x::regclass IS NOT NULL", "postgresql").not_understood


def test_what_cannot_be_parsed_is_named_whole() -> None:
    assert read_check("x >>>> (", "postgresql").not_understood == ("x >>>> (",)


def test_alternatives_are_bounded() -> None:
    expression = " AND ".join(f"(a{n} = 1 OR b{n} = 2)" for n in range(9))
    reading = read_check(expression, "postgresql")
    assert len(reading.branches) == 64
    assert all(len(branch) == 9 for branch in reading.branches)


def test_too_many_alternatives_are_not_understood_and_take_no_time() -> None:
    kinds = " OR ".join(f"(k = {n} AND a{n} IS NOT NULL AND a{n + 1} IS NULL AND b > {n})" for n in range(60))
    started_s = time.process_time()
    reading = read_condition(kinds, "postgresql", holds=False)
    assert time.process_time() - started_s < 1
    assert reading.not_understood == (kinds,)
    assert len(read_check(kinds, "postgresql").branches) == 60


def test_functions_that_pass_over_null_are_not_unknown_for_it() -> None:
    reading = read_check("(greatest(a, 0) <> greatest(a, 1)) IS NULL", "postgresql")
    assert (reading.branches, len(reading.not_understood)) == (((),), 1)


def test_alternatives_that_were_dropped_are_no_contradiction() -> None:
    """Of 512 alternatives, none of the first ones goes with the last condition."""
    choices = " AND ".join(f"(a{n} = 1 OR b{n} = 2)" for n in range(9))
    expression = f"{choices} AND a0 <> 1"
    assert read_check(expression, "postgresql").not_understood == (expression,)


@pytest.mark.parametrize(
    "expression, inside, outside",
    [
        ("deleted_at IS NULL", ((IsNull("deleted_at"),),), ((NotNull("deleted_at"),),)),
        ("x > 0", ((Bound("x", ">", 0), NotNull("x")),), ((Bound("x", "<=", 0),),)),
        ("active", ((Allowed("active", (True,)), NotNull("active")),), ((Allowed("active", (False,)),),)),
        ("NOT gone", ((Allowed("gone", (False,)), NotNull("gone")),), ((Allowed("gone", (True,)),),)),
        ("s = ANY (ARRAY[1, 2])", ((Allowed("s", (1, 2)), NotNull("s")),), ((Excluded("s", (1, 2)),),)),
        (
            "a IS NOT NULL AND s = 'on'",
            ((NotNull("a"), Allowed("s", ("on",)), NotNull("s")),),
            ((IsNull("a"),), (Excluded("s", ("on",)),)),
        ),
    ],
)
def test_conditions_of_partial_indexes(
    expression: str, inside: tuple[tuple[Fact, ...], ...], outside: tuple[tuple[Fact, ...], ...]
) -> None:
    assert read_condition(expression, "postgresql").branches == inside
    assert read_condition(expression, "postgresql", holds=False).branches == outside


@pytest.mark.parametrize(
    "strategy, keys, text, bound",
    [
        ("list", ("a",), "FOR VALUES IN ('a', 'b''c', NULL)", ListBound(("a", "b'c"), True)),
        ("list", ("a",), "FOR VALUES IN (NULL)", ListBound((), True)),
        ("list", ("a",), "FOR VALUES IN (1, -2, true, ')')", ListBound((1, -2, True, ")"))),
        ("list", ("a",), "DEFAULT", DefaultBound()),
        (
            "range", ("a", "b"), "FOR VALUES FROM ('2024-01-01', 5) TO ('2024-02-01', MAXVALUE)",
            RangeBound(("2024-01-01", 5), ("2024-02-01", Edge.MAXVALUE)),
        ),
        ("range", ("a",), "FOR VALUES FROM (MINVALUE) TO ('a, b')", RangeBound((Edge.MINVALUE,), ("a, b",))),
        ("range", ("a",), "FOR VALUES FROM (1, 2) TO (3)", None),
        ("hash", ("a",), "FOR VALUES WITH (modulus 4, remainder 1)", HashBound(4, 1)),
        ("list", ("a",), "FOR VALUES IN (now())", None),
    ],
)  # fmt: skip
def test_partition_bounds(strategy: str, keys: tuple[str, ...], text: str, bound: PartitionBound | None) -> None:
    assert read_bound(strategy, keys, text) == bound


@pytest.mark.parametrize(
    "expression, columns",
    [("lower(email)", ("email",)), ("a || b", ("a", "b")), ("data ->> 'k'", ("data",)), ("now()", ())],
)
def test_columns_of_expressions(expression: str, columns: tuple[str, ...]) -> None:
    assert expression_columns(expression, "postgresql") == columns
