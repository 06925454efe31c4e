"""One MongoDB database as an `Engine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pymongo.database import Database

from loadlab.engines.mongodb.connection import NAME, Address, Document, scratch_address
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.names import user_collections

_SCRATCH_FORMS = (f"{NAME}:", f"{NAME}://")


class MongodbEngine:
    """See `loadlab.engines.protocol.Engine`."""

    name = NAME

    def __init__(self, address: Address, database: Database[Document], *, is_scratch: bool = False) -> None:
        self._address = address
        self._database = database
        self._is_scratch = is_scratch
        self.url = address.url
        self.display_url = address.display_url

    @classmethod
    def open(cls, url: str) -> MongodbEngine:
        """Raises InputError, UnreachableError."""
        is_scratch = url in _SCRATCH_FORMS
        address = scratch_address() if is_scratch else Address.parse(url)
        return cls(address, address.open(), is_scratch=is_scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a scratch database disappears."""
        try:
            if self._is_scratch:
                with translated(self.display_url):
                    self._database.client.drop_database(self._database.name)
        finally:
            self._database.client.close()

    def version(self) -> str:
        """Product and version."""
        with translated(self.display_url):
            return f"MongoDB {self._database.command('buildInfo')['version']}"

    # Schema -------------------------------------------------------------------------------------------------------

    def user_tables(self) -> Mapping[str, bool]:
        """Whether each collection holds documents."""
        with translated(self.display_url):
            return {
                name: self._database[name].find_one({}, {"_id": 1}) is not None
                for name in user_collections(self._database)
            }
