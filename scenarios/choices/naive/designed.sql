-- Types that say what a value is (a digest is 32 bytes, not 64 digits), keys by time, wide columns first, and one index
-- for each question.
CREATE TYPE plan AS ENUM ('free', 'team', 'enterprise');
CREATE TYPE document_status AS ENUM ('draft', 'published', 'archived');
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    created_at timestamptz NOT NULL,
    plan plan NOT NULL,
    country char(2) NOT NULL,
    email text NOT NULL UNIQUE
);
CREATE TABLE documents (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    word_count integer NOT NULL,
    status document_status NOT NULL,
    language char(2) NOT NULL,
    title text NOT NULL,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32)
);
CREATE INDEX documents_newest ON documents (user_id, created_at DESC);
