"""MariaDB and MySQL, opened by URL.

    mysql://user:password@host:3306/database    mariadb://…    mysql://user@localhost/database?socket=/run/mysqld.sock
    mysql://    (a scratch database on a MariaDB server of our own, which disappears when closed)

Both schemes lead to either product; what differs between them is asked of `product.py`. The driver is mysqlclient, a
binding of the C client, whose threads wait outside the interpreter's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadlab.errors import MissingDependencyError

if TYPE_CHECKING:
    from loadlab.engines.mysql.engine import MysqlEngine

__all__ = ["open_mysql"]


def open_mysql(url: str) -> MysqlEngine:
    """Open a database; it has to be there.

    Raises InputError for a URL of another form, MissingDependencyError without the driver, UnreachableError when nobody
    answers or the log-in is refused.
    """
    try:
        from loadlab.engines.mysql.engine import MysqlEngine
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("MySQLdb"):
            raise
        raise MissingDependencyError(
            "MariaDB and MySQL need the driver mysqlclient: pip install 'loadlab[mysql]'"
            " (it is built at install: a C compiler, pkg-config and libmariadb-dev)"
        ) from None
    return MysqlEngine.open(url)
