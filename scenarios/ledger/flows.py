"""Transfers of funds. Run by LoadLab's driver threads, never under gevent."""

from loadlab.workload import Keys, Session

# Few accounts take part in most transfers: a bank's own, a shop's.
_EXPONENT = 0.8


def transfer(db: Session, pick: Keys) -> None:
    """Lock the payer, see whether there is enough, move the amount and write it down: all or nothing."""
    payer, payee, amount = _parties(pick)
    record = pick.new("transactions")
    with db.transaction():
        ((balance,),) = db.query("SELECT balance FROM accounts WHERE id = :id FOR UPDATE", id=payer)
        if balance >= amount:
            _move(db, record["id"], payer, payee, amount)


def transfer_unlocked(db: Session, pick: Keys) -> None:
    """The same without a lock: safe only where transactions are serializable."""
    payer, payee, amount = _parties(pick)
    record = pick.new("transactions")
    with db.transaction():
        ((balance,),) = db.query("SELECT balance FROM accounts WHERE id = :id", id=payer)
        if balance >= amount:
            _move(db, record["id"], payer, payee, amount)


def _parties(pick: Keys) -> tuple[object, object, int]:
    payer = pick.row("accounts", by="zipf", exponent=_EXPONENT)["id"]
    payee = pick.row("accounts", by="uniform")["id"]
    while payee == payer:
        payee = pick.row("accounts", by="uniform")["id"]
    return payer, payee, pick.between(1, 500)


def _move(db: Session, key: object, payer: object, payee: object, amount: int) -> None:
    db.execute(
        "UPDATE accounts SET balance = balance - :amount, updated_at = now() WHERE id = :id", amount=amount, id=payer
    )
    db.execute(
        "UPDATE accounts SET balance = balance + :amount, updated_at = now() WHERE id = :id", amount=amount, id=payee
    )
    db.execute(
        "INSERT INTO transactions (id, from_id, to_id, amount) VALUES (:id, :payer, :payee, :amount)",
        id=key, payer=payer, payee=payee, amount=amount,
    )  # fmt: skip
