"""Functions that are formulas, in the CHECKs that call them."""

from __future__ import annotations

import pytest

from loadlab.engines.postgresql.inlining import formula, inlined
from loadlab.engines.postgresql.unmet_checks import missing_function, without_checks_of

TRIMMED = "\nDECLARE\n  result text;\nBEGIN\n  SELECT trim(word) INTO result;\n  RETURN result;\nEND;\n"


@pytest.mark.parametrize(
    "source, arguments, call, expected",
    [
        ("SELECT $1 > 0 -- not; this", None, "f(x)", "((x) > 0)"),
        ("SELECT a > b", ["a", "b"], "f(x, 3) OR x IS NULL", "((x) > (3)) OR x IS NULL"),
        (" BEGIN\n RETURN word !~ '[;\\s]';\n END; ", ["word"], "public.f((n)::text)", None),
        ("DECLARE r int; BEGIN r := $1 + 1; RETURN r; END", ["n"], "f(x) < 9", "((x) + 1) < 9"),
        ("CREATE FUNCTION f(a int)\n RETURNS boolean\n LANGUAGE sql\nRETURN (a > 0)\n", ["a"], "f(x)", "(((x) > 0))"),
        ("CREATE FUNCTION f(a int)\n BEGIN ATOMIC\n SELECT (a > 0);\nEND", ["a"], "f(x)", "(((x) > 0))"),
    ],
)  # fmt: skip
def test_a_formula_stands_in_place_of_its_call(source, arguments, call, expected):
    found = formula(source, arguments, 2 if arguments == ["a", "b"] else 1)
    assert found is not None
    text = inlined(call, {"f": found})
    assert "f(" not in text
    assert expected is None or text == expected


def test_formulas_of_formulas():
    formulas = {"f": formula("BEGIN RETURN word = g(word); END", ["word"], 1), "g": formula(TRIMMED, ["word"], 1)}
    assert inlined("f(name)", formulas) == "((name) = (TRIM(((name)))))"


@pytest.mark.parametrize(
    "source",
    [
        "SELECT EXISTS (SELECT 1 FROM t WHERE id = n)",
        "BEGIN IF n > 3 THEN RETURN true; END IF; RETURN false; END",
        "SELECT n > other",
        "BEGIN RETURN n > 3; RETURN n > 4; END",
    ],
)
def test_what_is_more_than_a_formula_stays_a_call(source):
    assert formula(source, ["n"], 1) is None


def test_a_text_full_of_quotes_is_refused_at_once():
    """In exponential time forty of them would never end."""
    words = ", ".join(["''a''"] * 40)
    assert formula(f"BEGIN RETURN 'SELECT {words}'; PERFORM 1; END", ["n"], 1) is None
    found = formula(f"BEGIN RETURN n <> '{words};'; END", ["n"], 1)
    assert found is not None
    assert inlined("f(x)", {"f": found}) == f"((x) <> '{words};')"


def test_a_check_may_call_many_formulas():
    columns = [f"c{number}" for number in range(50)]
    check = " AND ".join(f"f({column})" for column in columns)
    assert inlined(check, {"f": formula("SELECT n > 0", ["n"], 1)}) == " AND ".join(f"(({c}) > 0)" for c in columns)


def test_a_strict_function_does_not_see_null():
    assert formula("SELECT n IS NOT NULL", ["n"], 1, strict=True) is None
    assert formula("SELECT n > 3", ["n"], 1, strict=True) is not None


def test_one_that_calls_itself_stays_a_call():
    assert inlined("f(x)", {"f": formula("SELECT f(n)", ["n"], 1)}) == "f(x)"


def test_checks_go_and_every_line_stays():
    text = (
        "CREATE TABLE t (\n  CONSTRAINT a CHECK (st_x(p) > 0),\n  p geometry DEFAULT st_x(1, 2),\n"
        '  q int CHECK (st_x(p) = q),\n  CHECK (q > 0),\n  CONSTRAINT b CHECK ((x."st_x"(p)) < 9 AND q IN (1, 2))\n)'
    )
    cut, names = without_checks_of(text, "st_x")
    assert names == ("a", "b")
    assert [" ".join(line.split()) for line in cut.split("\n")] == [
        "CREATE TABLE t (", "", "p geometry DEFAULT st_x(1, 2),", "q int CHECK (st_x(p) = q),", "CHECK (q > 0)", "", ")"
    ]  # fmt: skip
    assert without_checks_of(text, "st_y") == (text, ())


def test_checks_go_also_before_every_column():
    cut, names = without_checks_of("CREATE TABLE t (CHECK (f(a)), CHECK (f(b)), a int, CHECK (f(a)), b int)", "f")
    assert " ".join(cut.split()) == "CREATE TABLE t ( a int , b int)"
    assert names == ("without a name",) * 3


@pytest.mark.parametrize(
    "said, expected",
    [
        ("function st_centroid(geometry) does not exist", "st_centroid"),
        ('function public."St_X"(geometry, integer) does not exist', "st_x"),
        ('relation "a" does not exist', None),
    ],
)
def test_the_function_that_is_missing(said, expected):
    assert missing_function(said) == expected
