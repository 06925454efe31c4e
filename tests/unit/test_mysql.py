"""MariaDB's and MySQL's texts, read without a server. What MySQL alone writes is recorded here: it is not run."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from sqlalchemy import make_url

MySQLdb = pytest.importorskip("MySQLdb", reason="needs the driver mysqlclient (pip install 'loadlab[mysql]')")

from loadlab.engines.mysql.address import Address  # noqa: E402
from loadlab.engines.mysql.connection import _date, _moment, _time  # noqa: E402
from loadlab.engines.mysql.dialect import render  # noqa: E402
from loadlab.engines.mysql.errors import BY_CLASS, error_of, translate_error  # noqa: E402
from loadlab.engines.mysql.figures import without_srid  # noqa: E402
from loadlab.engines.mysql.hosting import django_settings, sqlalchemy_url  # noqa: E402
from loadlab.engines.mysql.ledger import StandIn  # noqa: E402
from loadlab.engines.mysql.loading import lines, row_literals  # noqa: E402
from loadlab.engines.mysql.omissions import omission  # noqa: E402
from loadlab.engines.mysql.partitions import partition_checks  # noqa: E402
from loadlab.engines.mysql.plan_json import accesses, read_plan  # noqa: E402
from loadlab.engines.mysql.product import Product  # noqa: E402
from loadlab.engines.mysql.script import is_passed_over, lead, own_database, split_statements  # noqa: E402
from loadlab.engines.mysql.show import table_parts  # noqa: E402
from loadlab.engines.mysql.types import logical_type  # noqa: E402
from loadlab.errors import (  # noqa: E402
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    MissingDependencyError,
    StatementTimeoutError,
    UnreachableError,
)
from loadlab.schema.model import Column, LogicalType  # noqa: E402
from loadlab.spec.statement import Statement  # noqa: E402


@pytest.mark.parametrize(
    "text, is_mariadb, version, shown",
    [
        ("10.11.19-MariaDB-0+deb12u1", True, (10, 11, 19), "MariaDB 10.11.19"),
        ("5.5.5-10.6.4-MariaDB-log", True, (10, 6, 4), "MariaDB 10.6.4"),
        ("8.0.36", False, (8, 0, 36), "MySQL 8.0.36"),
        ("8.4.0-commercial", False, (8, 4, 0), "MySQL 8.4.0"),
    ],
)
def test_a_product_is_told_by_its_version(text, is_mariadb, version, shown):
    product = Product.of(text)
    assert (product.is_mariadb, product.version, str(product)) == (is_mariadb, version, shown)
    assert product.limits_every_statement == is_mariadb
    assert product.has_statement_digest != is_mariadb


def test_the_products_differ_in_what_they_can():
    mysql, mariadb = Product.of("8.0.36"), Product.of("10.11.19-MariaDB")
    assert (mysql.collation, mariadb.collation) == ("utf8mb4_0900_bin", "utf8mb4_nopad_bin")
    assert (mysql.has_uuid_type, mariadb.has_uuid_type) == (False, True)
    assert not Product.of("10.6.4-MariaDB").has_uuid_type
    assert Product.of("8.0.20").invisible == ""


def test_an_address_is_read_and_written():
    url = "mysql://bob:p%40ss%2Fword@[::1]:3307/my%20shop?ssl_ca=/etc/ca.pem&socket=/run/x.sock"
    address = Address.parse(url)
    assert (address.user, address.password, address.host, address.port) == ("bob", "p@ss/word", "::1", 3307)
    assert (address.database, address.socket, dict(address.ssl)) == ("my shop", "/run/x.sock", {"ca": "/etc/ca.pem"})
    assert Address.parse(address.url) == address


# Errors --------------------------------------------------------------------------------------------------------------


def test_every_exception_of_the_driver_is_mapped():
    from MySQLdb import _mysql

    raised = {
        item
        for module in (MySQLdb, _mysql)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Exception)
    }
    assert raised <= set(BY_CLASS)
    for kind in raised:
        found = translate_error(kind(1234, "first line\nsecond line"))
        assert isinstance(found, DatabaseError)
        assert (str(found), found.code) == ("first line second line", "1234")


@pytest.mark.parametrize(
    "number, message, kind, said, constraint",
    [
        (1062, "Duplicate entry 'a' for key 'email'", ConstraintError, "", "email"),
        (1062, "Duplicate entry 'a' for key 'users.email'", ConstraintError, "", "email"),
        (3819, "Check constraint 'rating' is violated.", ConstraintError, "", "rating"),
        (4025, "CONSTRAINT `rating` failed for `db`.`t`", ConstraintError, "", "rating"),
        (4025, "CONSTRAINT `t.rating` failed for `db`.`t`", ConstraintError, "", "rating"),
        (1452, "… fails (`d`.`w`, CONSTRAINT `w_a` FOREIGN KEY (`a`) REFERENCES …", ConstraintError, "", "w_a"),
        (1526, "Table has no partition for value 2031", ConstraintError, "", None),
        (1213, "Deadlock found when trying to get lock", ConflictError, "", None),
        (1205, "Lock wait timeout exceeded", ConflictError, "", None),
        (3572, "Statement aborted because lock(s) could not be acquired immediately", ConflictError, "", None),
        (1969, "Query execution was interrupted (max_statement_time exceeded)", StatementTimeoutError, "limit", None),
        (3024, "maximum statement execution time exceeded", StatementTimeoutError, "limit", None),
        (2013, "Lost connection to server during query", ConnectionLostError, "", None),
        (2006, "Server has gone away", ConnectionLostError, "", None),
        (2002, "Can't connect to server on '127.0.0.1' (115)", UnreachableError, "start the server", None),
        (1045, "Access denied for user 'x'@'localhost'", UnreachableError, "correct user and password", None),
        (1040, "Too many connections", UnreachableError, "max_connections", None),
        (1142, "INSERT command denied to user", DatabaseError, "grant", None),
        (1290, "The server is running with the --read-only option", DatabaseError, "may be written to", None),
        (1114, "The table 't' is full", DatabaseError, "make room", None),
        (1030, 'Got error 28 "No space left on device" from storage engine', DatabaseError, "make room", None),
    ],
)
def test_errors_are_told_apart_by_number(number, message, kind, said, constraint):
    found = error_of(number, message)
    assert type(found) is kind
    assert said in str(found)
    assert (found.code, found.constraint) == (str(number), constraint)


# Scripts -------------------------------------------------------------------------------------------------------------

SCRIPT = """\
-- a; comment
CREATE TABLE a (x INT COMMENT 'one; two', y TEXT DEFAULT "a;b"); # another; one
DELIMITER //
CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.x = 1; SET NEW.y = ''; END//
DELIMITER ;
CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT CASE WHEN 1 THEN 2 END; END IF; CASE 1 WHEN 1 THEN SELECT 3; END CASE; END;
/* hidden; */ SELECT 1;

SELECT 2"""


def test_scripts_are_split_as_the_shell_does():
    found = list(split_statements(SCRIPT))
    assert [line for line, _ in found] == [2, 4, 6, 7, 9]
    assert found[0][1].startswith("CREATE TABLE a")
    assert found[1][1].endswith("END")
    assert found[2][1].endswith("END CASE; END")
    assert [text for _, text in found[3:]] == ["SELECT 1", "SELECT 2"]


def test_an_index_of_an_expression_serves_a_table_of_a_namespace():
    stand_in = StandIn("shop.users", "_loadlab_email_1", "lower(email)")
    asked = Statement.parse("SELECT id FROM shop.users AS u WHERE lower(u.email) = :email", dialect="postgresql")
    assert render(asked, (stand_in,)).prepared == "SELECT id FROM `shop.users` AS u WHERE `u`.`_loadlab_email_1` = ?"


def test_frameworks_get_the_whole_of_an_address():
    address = Address.parse("mysql://u:p%40w@[::1]:3307/shop?ssl_ca=/etc/ca.pem")
    url = make_url(sqlalchemy_url(address))
    assert (url.host, url.port, url.password, url.query["ssl_ca"]) == ("::1", 3307, "p@w", "/etc/ca.pem")
    assert django_settings(address)["OPTIONS"] == {"ssl": {"ca": "/etc/ca.pem"}}


def test_what_another_delimiter_ends_may_be_several_statements():
    script = "DELIMITER //\nSET @a = 1;\nSET @b = ';';\nCREATE TABLE a (x INT);//\nDELIMITER ;\nSELECT 2;"
    assert list(split_statements(script)) == [
        (2, "SET @a = 1"),
        (3, "SET @b = ';'"),
        (4, "CREATE TABLE a (x INT)"),
        (6, "SELECT 2"),
    ]


def test_a_table_called_like_a_routine_has_no_body():
    script = "DELIMITER //\nCREATE TABLE event (trigger_id INT);\nCREATE TABLE b (`function` INT);//\n"
    assert [line for line, _ in split_statements(script)] == [2, 3]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP DATABASE shop",
        "/*!40000 DROP DATABASE IF EXISTS `shop`*/",
        "DROP /* all of it */ SCHEMA shop",
        "CREATE OR REPLACE DATABASE shop",
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`",
        "/*M!100100 ALTER DATABASE shop CHARACTER SET utf8mb4 */",
    ],
)
def test_other_databases_are_never_touched(sql):
    assert is_passed_over(sql)


@pytest.mark.parametrize(
    "sql, name",
    [
        ("USE `my``shop`", "my`shop"),
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`", "shop"),
        ("DROP TABLE IF EXISTS `shop`.`orders`", "shop"),
        ("/*!50001 CREATE ALGORITHM=MERGE */ /*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER */ /*!50001 VIEW s.v", "s"),
        ("CREATE VIEW v AS SELECT 1 FROM a JOIN b ON a.id = b.id", None),
        ("CREATE TABLE t (a DECIMAL(3, 1) DEFAULT 1.5)", None),
        ("SELECT shop.f()", None),
    ],
)  # fmt: skip
def test_the_database_that_a_script_is_written_for(sql, name):
    assert own_database(sql) == name


@pytest.mark.parametrize(
    "sql, kind",
    [
        ("CREATE OR REPLACE USER ann", "CREATE USER"),
        ("/*!50003 GRANT ALL ON *.* TO ann */", "GRANT"),
        ("CREATE /* for her */ ROLE r", "CREATE ROLE"),
        ("SET DEFAULT ROLE r FOR ann", "SET DEFAULT"),
        ("/*!50503 SET GLOBAL max_connections = 1 */", "SET GLOBAL"),
        ("SET default_storage_engine = InnoDB", None),
        ("CREATE OR REPLACE TABLE roles (a INT)", None),
    ],
)
def test_what_the_whole_server_shares_is_left_out(sql, kind):
    found = omission(lead(sql))
    assert (found and found.kind) == kind


@pytest.mark.parametrize(
    "body",
    [
        "/*!50003 CREATE DEFINER=`root`@`%` PROCEDURE `p`(in a int)\nbegin\n  select a;\n  select 2;\nend */",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN\n"
        " SET NEW.b = 1; SET NEW.c = 2;\nEND */",
        "CREATE OR REPLACE DEFINER = CURRENT_USER FUNCTION f() RETURNS INT BEGIN SET @a = 1; RETURN 2; END",
        "CREATE DEFINER=`the root`@'%' EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SET @a = 1; SET @b = 2; END",
    ],
)
def test_a_body_behind_another_delimiter_stays_whole(body):
    assert next(split_statements(f"DELIMITER $$\n{body}$$\nDELIMITER ;\nSELECT 1;")) == (2, body)


@pytest.mark.parametrize(
    "server, name, expected",
    [
        ("10.11.19-MariaDB", "utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
        ("10.11.19-MariaDB", "utf8mb4_de_pb_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"),
        ("10.11.19-MariaDB", "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_uca1400_nopad_as_cs"),
        ("10.11.19-MariaDB", "UTF8MB4_0900_BIN", "utf8mb4_nopad_bin"),
        ("10.6.4-MariaDB", "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_nopad_ci"),
        ("10.11.19-MariaDB", "utf8mb4_wrong_ci", None),
        ("8.0.36", "utf8mb4_0900_ai_ci", None),
    ],
)
def test_a_collation_of_mysql_8_has_its_like_in_mariadb(server, name, expected):
    assert Product.of(server).collation_like(name) == expected


# What MySQL 8 writes, recorded ---------------------------------------------------------------------------------------

MYSQL_TABLE = """\
CREATE TABLE `orders` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `at` datetime NOT NULL,
  `doc` json DEFAULT NULL,
  `note` varchar(20) DEFAULT 'a, CHECK (b)' COMMENT 'see `x`, (y)',
  `twice` int GENERATED ALWAYS AS ((`id` * 2)) VIRTUAL,
  PRIMARY KEY (`id`,`at`),
  KEY `lower_note` ((lower(`note`))),
  FULLTEXT KEY `words` (`note`),
  CONSTRAINT `orders_chk_1` CHECK ((`note` <> _utf8mb4'')),
  CONSTRAINT `orders_chk_2` CHECK (json_valid(`doc`))
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY RANGE (year(`at`))
(PARTITION p24 VALUES LESS THAN (2025) ENGINE = InnoDB,
 PARTITION p25 VALUES LESS THAN (2026) ENGINE = InnoDB) */"""


def test_mysqls_create_table_is_taken_apart():
    parts = table_parts(MYSQL_TABLE)
    assert parts.indexes == {
        "lower_note": "KEY `lower_note` ((lower(`note`)))",
        "words": "FULLTEXT KEY `words` (`note`)",
    }
    assert [(check.name, check.expression) for check in parts.checks] == [
        ("orders_chk_1", "(`note` <> _utf8mb4'')"),
        ("orders_chk_2", "json_valid(`doc`)"),
    ]
    assert list(partition_checks(parts.options)) == ["`at` < '2026-01-01 00:00:00'"]


@pytest.mark.parametrize(
    "options, conditions",
    [
        ("PARTITION BY RANGE (`n`)\n(PARTITION a VALUES LESS THAN (10),\n PARTITION z VALUES LESS THAN MAXVALUE)", []),
        ("PARTITION BY RANGE  COLUMNS(`d`)\n(PARTITION a VALUES LESS THAN ('2025-01-01'))", ["`d` < '2025-01-01'"]),
        ("PARTITION BY RANGE (to_days(`d`))\n(PARTITION a VALUES LESS THAN (739251))", ["`d` < '2024-01-01 00:00:00'"]),
        (
            "PARTITION BY RANGE (unix_timestamp(`d`))\n(PARTITION a VALUES LESS THAN (1704067200))",
            ["`d` < '2024-01-01 00:00:00'"],
        ),
        # Beyond what a moment can be.
        ("PARTITION BY RANGE (to_days(`d`))\n(PARTITION a VALUES LESS THAN (100))", ["to_days(`d`) < 100"]),
        ("PARTITION BY RANGE (year(`d`))\n(PARTITION a VALUES LESS THAN (65535))", ["year(`d`) < 65535"]),
        (
            "PARTITION BY RANGE (unix_timestamp(`d`))\n(PARTITION a VALUES LESS THAN (999999999999))",
            ["unix_timestamp(`d`) < 999999999999"],
        ),
        ("PARTITION BY LIST (`n`)\n(PARTITION a VALUES IN (1,2),\n PARTITION b VALUES IN (7))", ["`n` IN (1,2, 7)"]),
        ("PARTITION BY LIST (`n`)\n(PARTITION a VALUES IN (1),\n PARTITION b DEFAULT)", []),
        ("PARTITION BY HASH (`n`)\nPARTITIONS 4", []),
        ("ENGINE=InnoDB", []),
    ],
)
def test_partitions_say_what_they_take(options, conditions):
    assert list(partition_checks(options)) == conditions


MYSQL_PLAN = {
    "query_block": {
        "select_id": 1,
        "cost_info": {"query_cost": "512.10"},
        "ordering_operation": {
            "using_filesort": True,
            "nested_loop": [
                {
                    "table": {
                        "table_name": "a",
                        "access_type": "const",
                        "possible_keys": ["PRIMARY", "email"],
                        "key": "email",
                        "used_key_parts": ["email"],
                        "key_length": "242",
                        "ref": ["const"],
                        "rows_examined_per_scan": 1,
                        "rows_produced_per_join": 1,
                        "filtered": "100.00",
                        "cost_info": {"read_cost": "0.00", "eval_cost": "0.10", "prefix_cost": "0.00"},
                        "used_columns": ["id", "email"],
                    }
                },
                {
                    "table": {
                        "table_name": "w",
                        "access_type": "ALL",
                        "possible_keys": ["author_id"],
                        "rows_examined_per_scan": 4971,
                        "rows_produced_per_join": 49,
                        "filtered": "1.00",
                        "using_join_buffer": "hash join",
                        "cost_info": {"read_cost": "505.00", "eval_cost": "4.90", "prefix_cost": "512.10"},
                        "attached_condition": "((`shop`.`w`.`rating` = 3) and (`shop`.`w`.`price` > 5.00))",
                    }
                },
            ],
        },
    }
}


def test_mysqls_plan_is_read():
    plan = read_plan(MYSQL_PLAN, {"a": "authors", "w": "works"})
    assert plan is not None
    assert [node.kind for node in plan.nodes()] == ["sort", "nested loop", "index scan", "full scan"]
    first, second = plan.scans()
    assert (first.table, first.indexes, first.compared_by_condition[0].kind) == ("authors", ("email",), "equal")
    assert (second.table, second.rows_estimated, second.cost) == ("works", 49.0, 512.1)
    assert [(item.column, item.kind) for item in second.compared_by_filter] == [("rating", "equal"), ("price", "range")]
    assert second.understood


def test_an_index_for_another_order_of_a_join_does_not_serve_the_condition():
    authors, works = accesses(MYSQL_PLAN, has_limit=False)
    assert (authors.index, authors.is_full) == ("email", False)
    assert (works.is_full, works.possible, works.compared) == (True, ("author_id",), {"rating", "price"})


@pytest.mark.parametrize(
    "declared, kind, more",
    [
        ("int", "integer", {"bits": 32}),
        ("int(11) unsigned", "integer", {"bits": 32, "unsigned": True}),
        ("tinyint(1)", "boolean", {}),
        ("tinyint unsigned", "integer", {"bits": 8, "unsigned": True}),
        ("decimal(65,30)", "numeric", {"precision": 65, "scale": 30}),
        ("enum('a','b,c','it''s (x)')", "enum", {"labels": ("a", "b,c", "it's (x)")}),
        ("timestamp(3)", "timestamp", {"precision": 3, "timezone": True}),
        ("json", "json", {}),
        ("varbinary(255)", "bytes", {"length": 255}),
        ("multipolygon", "geometry", {"form": "multipolygon"}),
        ("vector(3)", "other", {}),
    ],
)
def test_declared_types_are_understood(declared, kind, more):
    found = logical_type(declared)
    assert (found.kind, found.native) == (kind, declared)
    assert {name: getattr(found, name) for name in more} == more


# Values --------------------------------------------------------------------------------------------------------------

ROWS = pa.table(
    {
        "n": pa.array([1, None, -3], pa.int16()),
        "t": pa.array(["a\tb\\", None, "line\nend 'x'"]),
        "u": pa.array([UUID(int=1).bytes, None, UUID(int=255).bytes], pa.binary(16)),
        "b": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "d": pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(5, 2)),
        "f": pa.array([0.5, None, 1e300]),
        "m": pa.array([dt.datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
        "o": pa.array([True, None, False]),
    }
)
COLUMNS = [Column(name, LogicalType("other")) for name in ROWS.column_names]
FIRST = "00000000-0000-0000-0000-000000000001"


def test_rows_are_lines_for_load_data():
    found = bytes(lines(ROWS, COLUMNS, native=True)).decode().split("\n")
    assert found[0] == rf"1	a\tb\\	{FIRST}	00ff	1.50	0.5	2024-05-06 07:08:09.000010	1	"
    assert found[1] == "\\N\t" * 8
    assert found[2].split("\t")[1] == r"line\nend 'x'"
    assert found[2].split("\t")[3] == ""
    assert found[3:] == [""]
    assert bytes(lines(ROWS.slice(1, 1), COLUMNS, native=True)).decode() == found[1] + "\n"


def test_rows_are_literals_for_inserts():
    found = [row.decode() for row in row_literals(ROWS, COLUMNS, native=True)]
    assert found[0] == rf"(1,'a	b\\','{FIRST}',X'00ff',1.50,0.5e0,'2024-05-06 07:08:09.000010',1)"
    assert found[1] == f"({','.join(['NULL'] * 8)})"
    assert found[2].startswith("(-3,'line\nend ''x''',")
    assert ",X''," in found[2]


def test_a_figure_loses_the_number_of_its_system():
    plain = bytes.fromhex("0101000000") + bytes(16)
    extended = bytes.fromhex("0101000020E6100000") + bytes(16)
    assert without_srid(pa.array([plain, extended, None])).to_pylist() == [plain, plain, None]


@pytest.mark.parametrize(
    "text, value",
    [
        ("23:59:59.999999", dt.time(23, 59, 59, 999999)),
        ("00:00:00", dt.time()),
        ("24:00:00", dt.timedelta(days=1)),
        ("-00:00:01", -dt.timedelta(seconds=1)),
        ("838:59:59", dt.timedelta(hours=838, minutes=59, seconds=59)),
    ],
)
def test_times_are_of_a_day_or_spans(text, value):
    assert _time(text) == value


def test_without_the_driver_the_install_is_said(monkeypatch):
    """What a machine without the driver finds: nothing of the engine has been imported there."""
    import sys

    from loadlab.engines import open_database

    for name in [name for name in sys.modules if name.startswith("loadlab.engines.mysql.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'loadlab\[mysql\]'") as caught:
        open_database("mysql://root@localhost/x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["0000-00-00", "2024-00-00", "2024-02-00", "2024-02-30"])
def test_days_that_are_none_stay_texts(text):
    assert _date(text) == text
    assert _moment(f"{text} 00:00:00") == f"{text} 00:00:00"


def test_days_are_days():
    assert _date("2000-10-20") == dt.date(2000, 10, 20)
    assert _moment("2000-10-20 00:00:00") == dt.datetime(2000, 10, 20)
