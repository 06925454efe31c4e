-- uuidv4() and uuidv7() are PostgreSQL 18's own.
CREATE TABLE events (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id integer NOT NULL,
    kind text NOT NULL,
    amount numeric(10, 2) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
