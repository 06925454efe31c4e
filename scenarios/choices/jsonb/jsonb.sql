CREATE TABLE products (id bigint PRIMARY KEY, name varchar(60) NOT NULL, attributes jsonb NOT NULL);
CREATE INDEX products_attributes ON products USING gin (attributes jsonb_path_ops);
