CREATE TABLE posts (
    id bigint PRIMARY KEY,
    author_id integer NOT NULL,
    title varchar(80) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX posts_newest ON posts (created_at DESC, id DESC);
