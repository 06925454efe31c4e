"""A page of a customer's orders with their items, read in two ways. Run by LoadLab's driver threads."""

from loadlab.workload import Keys, Session


def one_by_one(db: Session, pick: Keys) -> None:
    """The orders, then the items of each: what a lazily loading mapper does."""
    customer = pick.row("orders", by="uniform")["customer_id"]
    orders = db.query(
        "SELECT id, created_at FROM orders WHERE customer_id = :customer ORDER BY created_at DESC LIMIT 20",
        customer=customer,
    )
    for order in orders:
        db.query("SELECT sku, quantity FROM order_items WHERE order_id = :order", order=order[0])


def joined(db: Session, pick: Keys) -> None:
    """The same rows by one statement."""
    customer = pick.row("orders", by="uniform")["customer_id"]
    db.query(
        "SELECT o.id, o.created_at, i.sku, i.quantity"
        " FROM (SELECT id, created_at FROM orders WHERE customer_id = :customer ORDER BY created_at DESC LIMIT 20) AS o"
        " LEFT JOIN order_items AS i ON i.order_id = o.id",
        customer=customer,
    )
