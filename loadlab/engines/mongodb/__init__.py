"""MongoDB, opened by URL.

    mongodb://user:password@host:27017/database?authSource=admin    mongodb+srv://…
    mongodb://    (a scratch database on the server that LOADLAB_MONGODB names, which disappears when closed)

Every option of a MongoDB connection string is the driver's: TLS, authentication, read and write concern, read
preference. A table is a collection; where its columns are in a document is said by `paths.py`, and how their values are
stored by `bson_form.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadlab.errors import MissingDependencyError

if TYPE_CHECKING:
    from loadlab.engines.mongodb.engine import MongodbEngine

__all__ = ["open_mongodb"]


def open_mongodb(url: str) -> MongodbEngine:
    """Open a database; the server makes it with its first collection.

    Raises InputError for a URL of another form, MissingDependencyError without the driver, UnreachableError when nobody
    answers or the log-in is refused.
    """
    try:
        from loadlab.engines.mongodb.engine import MongodbEngine
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pymongo", "bson"):
            raise
        raise MissingDependencyError("MongoDB needs the driver pymongo: pip install 'loadlab[mongodb]'") from None
    return MongodbEngine.open(url)
