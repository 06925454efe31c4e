"""Small schemas as values, for tests that need no database."""

from __future__ import annotations

from loadlab.schema.model import Check, Column, ForeignKey, Index, LogicalType, Schema, Table

UUID = LogicalType("uuid", "uuid")
BIGINT = LogicalType("integer", "bigint", bits=64)
INT = LogicalType("integer", "integer", bits=32)
SMALLINT = LogicalType("integer", "smallint", bits=16)
MONEY = LogicalType("numeric", "numeric(10,2)", precision=10, scale=2)
TEXT = LogicalType("text", "text")
JSON = LogicalType("json", "jsonb")
BOOL = LogicalType("boolean", "boolean")
DATE = LogicalType("date", "date")
WHEN = LogicalType("timestamp", "timestamptz", timezone=True)
TEXTS = LogicalType("array", "text[]", element=TEXT)
DIALECT = "postgresql"


def varchar(length: int) -> LogicalType:
    return LogicalType("text", f"varchar({length})", length=length)


def col(name: str, type_: LogicalType, *, null: bool = False, default: str | None = None) -> Column:
    return Column(name, type_, nullable=null, default=default)


def fk(columns: str, target: str, target_columns: str, on_delete: str = "NO ACTION") -> ForeignKey:
    names = tuple(columns.split(","))
    return ForeignKey(f"fk_{names[0]}", names, target, tuple(target_columns.split(",")), on_delete)


def checks(*expressions: str) -> tuple[Check, ...]:
    return tuple(Check(f"check_{k}", text) for k, text in enumerate(expressions))


def unique(*columns: str) -> Index:
    return Index("_".join(columns) + "_key", columns, unique=True, expressions=(False,) * len(columns))


def shop() -> Schema:
    """Every pattern of relation and most CHECKs in seven tables."""
    users = Table(
        "users",
        (
            col("id", UUID),
            col("created_at", WHEN),
            col("updated_at", WHEN),
            col("deleted_at", WHEN, null=True),
            col("email", varchar(254)),
            col("first_name", varchar(100)),
            col("last_name", varchar(100)),
            col("status", TEXT),
            col("invited_by", UUID, null=True),
            col("settings", JSON),
        ),
        primary_key=("id",),
        foreign_keys=(fk("invited_by", "users", "id"),),
        indexes=(Index("users_email", ("lower((email)::text)",), unique=True, expressions=(True,)),),
        checks=checks(
            "(email)::text ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$'::text",
            "status = ANY (ARRAY['active'::text, 'inactive'::text])",
            "updated_at >= created_at",
            "((deleted_at IS NULL) OR (deleted_at >= created_at))",
        ),
    )
    categories = Table(
        "categories",
        (col("id", UUID), col("parent_id", UUID, null=True), col("level", SMALLINT), col("slug", varchar(120))),
        primary_key=("id",),
        foreign_keys=(fk("parent_id", "categories", "id"),),
        indexes=(unique("slug"),),
        checks=checks("((parent_id IS NULL) = (level = 0))", "((level >= 0) AND (level <= 9))"),
    )
    products = Table(
        "products",
        (
            col("id", UUID, default="uuid_v7()"),
            col("category_id", UUID),
            col("created_at", WHEN),
            col("price", MONEY),
            col("compare_at_price", MONEY, null=True),
            col("name", varchar(255)),
            col("tags", TEXTS),
        ),
        primary_key=("id",),
        foreign_keys=(fk("category_id", "categories", "id"),),
        checks=checks("(price > (0)::numeric)", "((compare_at_price IS NULL) OR (compare_at_price >= price))"),
    )
    orders = Table(
        "orders",
        (
            col("id", UUID, default="uuid_v7()"),
            col("user_id", UUID),
            col("created_at", WHEN),
            col("number", BIGINT, default="nextval('seq')"),
            col("subtotal", MONEY),
            col("tax", MONEY),
            col("total", LogicalType("numeric", "numeric(12,2)", precision=12, scale=2)),
        ),
        primary_key=("id", "created_at"),
        foreign_keys=(fk("user_id", "users", "id"),),
        indexes=(unique("number", "created_at"),),
        checks=checks("(total = (subtotal + tax))"),
    )
    items = Table(
        "order_items",
        (
            col("order_id", UUID),
            col("order_created_at", WHEN),
            col("position", SMALLINT),
            col("product_id", UUID),
            col("quantity", SMALLINT),
            col("unit_price", MONEY),
            col("line_total", LogicalType("numeric", "numeric(12,2)", precision=12, scale=2)),
        ),
        primary_key=("order_id", "position"),
        foreign_keys=(
            fk("order_id,order_created_at", "orders", "id,created_at", "CASCADE"),
            fk("product_id", "products", "id"),
        ),
        checks=checks("((quantity >= 1) AND (quantity <= 100))", "(line_total = (unit_price * (quantity)::numeric))"),
    )
    stock = Table(
        "stock",
        (col("product_id", UUID), col("on_hand", INT), col("reserved", INT)),
        primary_key=("product_id",),
        foreign_keys=(fk("product_id", "products", "id", "CASCADE"),),
        checks=checks("(on_hand >= 0)", "((reserved >= 0) AND (reserved <= on_hand))"),
    )
    reviews = Table(
        "reviews",
        (col("product_id", UUID), col("user_id", UUID), col("created_at", WHEN), col("rating", SMALLINT)),
        primary_key=("product_id", "user_id"),
        foreign_keys=(fk("product_id", "products", "id", "CASCADE"), fk("user_id", "users", "id", "CASCADE")),
        checks=checks("((rating >= 1) AND (rating <= 5))"),
    )
    return Schema((categories, items, orders, products, reviews, stock, users), DIALECT)


def one_table(*columns: Column, name: str = "things", **more: object) -> Schema:
    return Schema((Table(name, columns, **more),), DIALECT)  # type: ignore[arg-type]
