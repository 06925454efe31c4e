-- Every text a VARCHAR(255), keys at random, an index for each column and none over two.
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT uuidv4(),
    email varchar(255) NOT NULL,
    country varchar(255) NOT NULL,
    plan varchar(255) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX users_email ON users (email);
CREATE TABLE documents (
    id uuid PRIMARY KEY DEFAULT uuidv4(),
    user_id uuid NOT NULL REFERENCES users,
    title varchar(255) NOT NULL,
    status varchar(255) NOT NULL,
    language varchar(255) NOT NULL,
    word_count integer NOT NULL,
    content_hash varchar(255) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX documents_user ON documents (user_id);
CREATE INDEX documents_status ON documents (status);
CREATE INDEX documents_created ON documents (created_at);
