"""Which server it is, and what that one can do: MariaDB and MySQL have gone different ways since 5.7.

One property a feature, so that nothing else compares versions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# https://dev.mysql.com/doc/refman/8.0/en/charset-collation-names.html; 0900 is the version of Unicode's weights.
_MYSQL_8_COLLATION = re.compile(r"utf8mb4_(?:(?P<language>\w+?)_)?0900_(?P<strength>\w+)")
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Product:
    """A server's product and version, as `SELECT VERSION()` says them."""

    is_mariadb: bool
    version: tuple[int, int, int]

    @classmethod
    def of(cls, text: str) -> Product:
        """`10.11.19-MariaDB-0+deb12u1`, `8.0.36`, `5.5.5-10.11.2-MariaDB` (as replication protocols have it)."""
        is_mariadb = "mariadb" in text.lower()
        match = _NUMBERS.search(text.removeprefix("5.5.5-") if is_mariadb else text)
        major, minor, patch = match.groups(default="0") if match else ("0", "0", "0")
        return cls(is_mariadb, (int(major), int(minor), int(patch)))

    def __str__(self) -> str:
        return f"{'MariaDB' if self.is_mariadb else 'MySQL'} {'.'.join(map(str, self.version))}"

    @property
    def has_uuid_type(self) -> bool:
        """https://mariadb.com/kb/en/uuid-data-type/; 10.11.5 is the first that sorts version 7 by its time."""
        return self.is_mariadb and self.version >= (10, 11, 5)

    @property
    def tells_stated_actions(self) -> bool:
        """MariaDB shows a foreign key that says RESTRICT as one that says nothing, or as NO ACTION: `ALTER` does."""
        return not self.is_mariadb

    @property
    def limits_every_statement(self) -> bool:
        """MariaDB's max_statement_time ends any statement; MySQL's max_execution_time only reads."""
        return self.is_mariadb

    @property
    def has_statement_digest(self) -> bool:
        """The function STATEMENT_DIGEST tells the id under which a text is counted."""
        return not self.is_mariadb and self.version >= (8, 0, 4)

    @property
    def collation(self) -> str:
        """Compares code points, trailing blanks included: as other engines do, so that what is unique there is here."""
        return "utf8mb4_nopad_bin" if self.is_mariadb else "utf8mb4_0900_bin"

    def collation_like(self, name: str) -> str | None:
        """What compares as a collation of MySQL 8 does, which this product lacks; None where there is nothing.

        Later weights, the same strength, no padding: https://mariadb.com/kb/en/supported-character-sets-and-collations/
        (MariaDB 11.4.5 takes MySQL's names itself). A language's own order is that of all languages then.
        """
        found = _MYSQL_8_COLLATION.fullmatch(name.lower())
        if found is None or not self.is_mariadb:
            return None
        if found["strength"] == "bin":
            return "utf8mb4_nopad_bin"
        if self.version >= (10, 10, 1):
            return f"utf8mb4_uca1400_nopad_{found['strength']}".replace("_as_cs_ks", "_as_cs")
        return "utf8mb4_unicode_520_nopad_ci" if found["strength"] == "ai_ci" else "utf8mb4_nopad_bin"

    @property
    def invisible(self) -> str:
        """The word for a column that `SELECT *` leaves out; "" before 8.0.23."""
        return "INVISIBLE" if self.is_mariadb or self.version >= (8, 0, 23) else ""
