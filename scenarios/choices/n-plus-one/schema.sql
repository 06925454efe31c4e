CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE order_items (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders,
    sku varchar(20) NOT NULL,
    quantity integer NOT NULL
);
CREATE INDEX order_items_order ON order_items (order_id);
CREATE INDEX orders_customer ON orders (customer_id, created_at DESC);
