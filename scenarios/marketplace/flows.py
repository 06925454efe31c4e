"""Operations of the marketplace that take several statements. Run by LoadLab's driver threads, never under gevent."""

from loadlab.workload import Keys, Session

RESERVE = {
    "sql": "UPDATE inventory SET reserved = reserved + 1 WHERE variant_id = :variant_id AND reserved < on_hand",
    "mongodb": {
        "update": "product_variants",
        "updates": [
            {
                "q": {"_id": ":variant_id", "$expr": {"$lt": ["$inventory.reserved", "$inventory.on_hand"]}},
                "u": {"$inc": {"inventory.reserved": 1}},
            }
        ],
    },
}
ORDER = {
    "sql": "INSERT INTO orders (id, user_id, created_at, updated_at, order_number, status, currency,"
    " subtotal, tax, shipping, total, shipping_address)"
    " VALUES (:id, :user_id, :created_at, :updated_at, :order_number, 'pending', :currency,"
    " :subtotal, :tax, :shipping, :total, :shipping_address)",
    "mongodb": {
        "insert": "orders",
        "documents": [
            {
                "_id": {"id": ":id", "created_at": ":created_at"},
                "user_id": ":user_id",
                "updated_at": ":updated_at",
                "order_number": {"$numberLong": ":order_number"},
                "status": "pending",
                "currency": ":currency",
                "subtotal": ":subtotal",
                "tax": ":tax",
                "shipping": ":shipping",
                "total": ":total",
                "shipping_address": {"$json": ":shipping_address"},
            }
        ],
    },
}
LINE = {
    "sql": "INSERT INTO order_items (id, order_id, order_created_at, variant_id, vendor_id, quantity,"
    " unit_price, line_total, sku, name)"
    " VALUES (:id, :order_id, :order_created_at, :variant_id, :vendor_id, :quantity,"
    " :unit_price, :line_total, :sku, :name)",
    "mongodb": {
        "update": "orders",
        "updates": [
            {
                "q": {"_id": {"id": ":order_id", "created_at": ":order_created_at"}},
                "u": {
                    "$push": {
                        "order_items": {
                            "id": ":id",
                            "variant_id": ":variant_id",
                            "vendor_id": ":vendor_id",
                            "quantity": ":quantity",
                            "unit_price": ":unit_price",
                            "line_total": ":line_total",
                            "sku": ":sku",
                            "name": ":name",
                        }
                    }
                },
            }
        ],
    },
}
PAYMENT = {
    "sql": "INSERT INTO payments (id, order_id, order_created_at, created_at, updated_at, status, amount, method,"
    " provider, provider_reference)"
    " VALUES (:id, :order_id, :order_created_at, :created_at, :updated_at, 'pending', :amount, :method,"
    " :provider, :provider_reference)",
    "mongodb": {
        "insert": "payments",
        "documents": [
            {
                "_id": ":id",
                "order_id": ":order_id",
                "order_created_at": ":order_created_at",
                "created_at": ":created_at",
                "updated_at": ":updated_at",
                "status": "pending",
                "amount": ":amount",
                "refunded_amount": {"$numberDecimal": "0"},
                "method": ":method",
                "provider": ":provider",
                "provider_reference": ":provider_reference",
            }
        ],
    },
}


def checkout(db: Session, pick: Keys) -> None:
    """Reserve the stock of two variants, then write the order with its lines and its payment: all or nothing."""
    order, payment = pick.new("orders"), pick.new("payments")
    lines = [pick.new("order_items"), pick.new("order_items")]
    # Sorted, so that two checkouts never wait for each other's row locks in a circle.
    variants = sorted(pick.row("product_variants", by="zipf")["id"] for _ in lines)
    with db.transaction():
        for variant_id in variants:
            db.execute(RESERVE, variant_id=variant_id)
        db.execute(
            ORDER,
            id=order["id"],
            user_id=order["user_id"],
            created_at=order["created_at"],
            updated_at=order["updated_at"],
            order_number=order["order_number"],
            currency=order["currency"],
            subtotal=order["subtotal"],
            tax=order["tax"],
            shipping=order["shipping"],
            total=order["total"],
            shipping_address=order["shipping_address"],
        )
        for line, variant_id in zip(lines, variants, strict=True):
            db.execute(
                LINE,
                id=line["id"],
                order_id=order["id"],
                order_created_at=order["created_at"],
                variant_id=variant_id,
                vendor_id=line["vendor_id"],
                quantity=line["quantity"],
                unit_price=line["unit_price"],
                line_total=line["line_total"],
                sku=line["sku"],
                name=line["name"],
            )
        db.execute(
            PAYMENT,
            id=payment["id"],
            order_id=order["id"],
            order_created_at=order["created_at"],
            created_at=order["created_at"],
            updated_at=order["updated_at"],
            amount=order["total"],
            method=payment["method"],
            provider=payment["provider"],
            provider_reference=payment["provider_reference"],
        )
