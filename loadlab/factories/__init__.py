"""Rows for tests and scripts, made to order: `factory("orders").state("paid").count(100).for_(user).create()`.

`open` opens a database, `Database.factory` (or, for the database that `use` was told of, `factory`) begins an order.
Whatever an order leaves open is as LoadLab seeds it: true to every constraint, the same for the same seed.
"""

from __future__ import annotations

from loadlab.factories.database import Database, factory, open, use
from loadlab.factories.factory import Factory
from loadlab.factories.recipe import shape
from loadlab.factories.rows import Row, Rows

__all__ = ["Database", "Factory", "Row", "Rows", "factory", "open", "shape", "use"]
