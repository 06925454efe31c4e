"""Reading a scenario's `flows.py`: its functions, and the statements that stand in their source.

The statements are found without running a flow, so that they can be checked, prepared and matched with the server's
counts before the load begins.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from loadlab.errors import InputError, LoadLabError
from loadlab.spec.base import read_text
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation
from loadlab.workload.flow import own_text

# What such a function does, it does not do when it is called.
_LAZY = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_METHODS = {"execute", "query"}


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow operation: what to call, and its statements by name (`operation/1`, …)."""

    function: Callable[[Any, Any], object]
    statements: Mapping[str, Statement]


def load_flows(path: Path, operations: Mapping[str, Operation], *, engine: str, place: str) -> dict[str, Flow]:
    """The flow operations of a workload, by name; `place` names the scenario's file.

    Raises InputError with file and line for anything wrong with `flows.py`.
    """
    flows = {name: item.flow for name, item in operations.items() if item.flow is not None}
    if not flows:
        return {}
    source = _Source(path)
    result = {}
    for name, function_name in flows.items():
        function = source.function(function_name, place=f"{place}: workload.operations.{name}.flow")
        texts = dict.fromkeys(source.texts(function_name, engine))
        statements = {f"{name}/{number}": Statement.parse(text) for number, text in enumerate(texts, start=1)}
        result[name] = Flow(function, statements)
    return result


class _Source:
    """The imported module and its syntax tree."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = read_text(path)
        try:
            self._tree = ast.parse(text, str(path))
        except SyntaxError as error:
            raise InputError(f"{path.name}: line {error.lineno}", f"is not Python: {error.msg}") from None
        self._functions = {node.name: node for node in self._tree.body if isinstance(node, ast.FunctionDef)}
        self._module = _import(path)

    def function(self, name: str, *, place: str) -> Callable[[Any, Any], object]:
        found = getattr(self._module, name, None)
        if not isinstance(found, FunctionType):
            known = ", ".join(self._functions) or "no function"
            raise InputError(place, f"is not a function of {self._path.name}, which has {known}", value=name)
        if any(is_lazy(found) for is_lazy in _LAZY):
            remedy = "must be a plain function, without async and yield"
            raise InputError(f"{self._path.name}: line {found.__code__.co_firstlineno}: {name}", remedy)
        try:
            inspect.signature(found).bind(None, None)
        except TypeError:
            line = found.__code__.co_firstlineno
            remedy = f"must take two arguments: def {name}(db: Session, pick: Keys) -> None"
            raise InputError(f"{self._path.name}: line {line}: {name}", remedy) from None
        return found

    def texts(self, name: str, engine: str) -> Iterator[str]:
        """The texts of `.execute(…)` and `.query(…)` in a function and the functions of the file that it calls."""
        yield from self._texts(name, engine, seen=set())

    def _texts(self, name: str, engine: str, seen: set[str]) -> Iterator[str]:
        if name in seen or name not in self._functions:
            return
        seen.add(name)
        calls = [node for node in ast.walk(self._functions[name]) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            if isinstance(call.func, ast.Name):
                yield from self._texts(call.func.id, engine, seen)
            elif isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS and call.args:
                text = self._constant(call.args[0])
                if isinstance(text, Mapping):
                    text = own_text(text, engine)
                if isinstance(text, str):
                    yield text

    def _constant(self, node: ast.expr | None) -> Any:
        """The value of a constant, a name of the module, or an expression of those; None when it is none of them."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return vars(self._module).get(name)
            case ast.Attribute(value=holder, attr=name):
                return getattr(self._constant(holder), name, None)
            case ast.Subscript(value=holder, slice=key):
                with suppress(TypeError, LookupError):
                    return self._constant(holder)[self._constant(key)]
            case ast.Dict(keys=keys, values=values):
                return dict(zip(map(self._constant, keys), map(self._constant, values), strict=True))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self._constant(item) for item in items]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                with suppress(TypeError):
                    return -self._constant(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                with suppress(TypeError):
                    return self._constant(left) + self._constant(right)
        return None


def _import(path: Path) -> ModuleType:
    """The module, under a name of its own; modules beside it can be imported by it."""
    name = f"loadlab_flows_{abs(hash(path.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except LoadLabError:
        raise
    except Exception as error:
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(path)), 1
        )
        raise InputError(f"{path.name}: line {line}", f"raises {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent))
    return module
