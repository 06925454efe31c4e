CREATE TABLE products (
    id bigint PRIMARY KEY,
    name varchar(60) NOT NULL,
    color varchar(12) NOT NULL,
    material varchar(12) NOT NULL,
    weight_g integer NOT NULL
);
CREATE INDEX products_color ON products (color, material);
