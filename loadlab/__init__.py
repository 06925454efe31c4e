"""From a database design and its performance targets to a verdict, measured on the real database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadlab import factories as factories
    from loadlab.factories import open as open

__version__ = "0.1.0"
__all__ = ["__version__", "factories", "open"]


def __getattr__(name: str) -> Any:
    """Factories come with the first use, so that importing LoadLab stays light."""
    if name in ("factories", "open"):
        from importlib import import_module

        module = import_module("loadlab.factories")
        return module if name == "factories" else module.open
    raise AttributeError(f"module 'loadlab' has no attribute {name!r}")
