CREATE TABLE messages (
    id bigint PRIMARY KEY,
    user_id integer NOT NULL,
    body varchar(120) NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX messages_of_user ON messages (user_id, created_at DESC) WHERE deleted_at IS NULL;
