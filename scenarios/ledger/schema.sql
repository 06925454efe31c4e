-- Accounts that money moves between, and the record of every transfer.
CREATE TABLE accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner varchar(120) NOT NULL,
    balance numeric(14, 2) NOT NULL CHECK (balance >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE transactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    from_id uuid NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    to_id uuid NOT NULL REFERENCES accounts ON DELETE RESTRICT,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (from_id <> to_id)
);
CREATE INDEX transactions_from_id_created_at_idx ON transactions (from_id, created_at DESC);
CREATE INDEX transactions_to_id_created_at_idx ON transactions (to_id, created_at DESC);
