CREATE TABLE sessions (
    id bigint PRIMARY KEY,
    token char(64) NOT NULL,
    user_id integer NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_token ON sessions USING btree (token);
