-- A multi-vendor marketplace, designed for 1 million users, 10 million products and 50 million orders.
--
-- PostgreSQL 13 or later, no extension. The file holds no transaction control: run it in one transaction.
--
-- Conventions
--   keys      uuid v7 (time-ordered) where a table grows large, so that inserts touch the right-hand pages of the
--             index only; uuid v4 for users, vendors and categories, which stay small and whose public identifiers
--             must not tell when they were created.
--   money     numeric, in the currency of the order; never floating point.
--   time      timestamptz; months are cut in UTC.
--   statuses  enum types on the largest tables (4 bytes, settled life cycles), CHECKed text elsewhere (the list can
--             change without ALTER TYPE).
--   deletion  users, vendors, products, variants and reviews are soft-deleted (deleted_at); money is never deleted.
--   columns   fixed-width first, then variable-width, so that rows carry no padding.
--   indexes   one for every foreign key, none that is a prefix of another.


-- Functions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    -- A v4 uuid whose first 48 bits become the Unix time in milliseconds; setting bits 52 and 53 turns version 4 to 7.
    SELECT encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1),
        'hex')::uuid
$$;

COMMENT ON FUNCTION uuid_v7() IS
    'Time-ordered UUID (RFC 9562, version 7), precise to the millisecond. PostgreSQL has its own from version 18 on.';

CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    -- created_at may come from a client whose clock runs ahead; updated_at >= created_at must hold all the same.
    NEW.updated_at := greatest(now(), NEW.created_at);
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION set_updated_at() IS 'BEFORE UPDATE row trigger that keeps updated_at.';


-- Types --------------------------------------------------------------------------------------------------------------

CREATE TYPE order_status AS ENUM
    ('pending', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded');

CREATE TYPE payment_status AS ENUM
    ('pending', 'authorized', 'captured', 'failed', 'refunded');


-- Accounts -----------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id                uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    email_verified_at timestamptz,
    last_login_at     timestamptz,
    email             varchar(254) NOT NULL,
    password_hash     varchar(255) NOT NULL,
    first_name        varchar(100) NOT NULL,
    last_name         varchar(100) NOT NULL,
    role              text         NOT NULL DEFAULT 'customer',
    status            text         NOT NULL DEFAULT 'pending',
    profile           jsonb        NOT NULL DEFAULT '{}',
    preferences       jsonb        NOT NULL DEFAULT '{}',

    CONSTRAINT users_email_format CHECK (email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'),
    -- The shortest hash in use (bcrypt) has 60 characters: a password in plain text does not get in.
    CONSTRAINT users_password_is_hashed CHECK (length(password_hash) >= 60),
    CONSTRAINT users_role_known CHECK (role IN ('customer', 'vendor', 'support', 'admin')),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'inactive', 'suspended', 'pending')),
    CONSTRAINT users_updated_after_created CHECK (updated_at >= created_at),
    CONSTRAINT users_deleted_after_created CHECK (deleted_at IS NULL OR deleted_at >= created_at)
);

-- Partial, so that the address of a deleted account can register again; a login asks for deleted_at IS NULL anyway.
CREATE UNIQUE INDEX users_lower_email_key ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX users_status_created_at_idx ON users (status, created_at DESC) WHERE deleted_at IS NULL;

CREATE TRIGGER users_set_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE users IS 'Everybody with an account: customers, people of a vendor, staff. Personal data.';
COMMENT ON COLUMN users.email IS 'As typed; unique without regard to case among accounts that are not deleted.';
COMMENT ON COLUMN users.password_hash IS 'Salted password hash with its parameters, never the password.';
COMMENT ON COLUMN users.profile IS 'What the user shows and tells: phone, avatar, addresses. Not searched.';
COMMENT ON COLUMN users.preferences IS 'Settings: language, notifications, marketing consent.';
COMMENT ON COLUMN users.deleted_at IS 'Soft delete; an erasure request additionally anonymises the row.';


CREATE TABLE vendors (
    id              uuid          PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id        uuid          NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    updated_at      timestamptz   NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    commission_rate numeric(5, 4) NOT NULL DEFAULT 0.1000,
    status          text          NOT NULL DEFAULT 'pending',
    slug            varchar(120)  NOT NULL UNIQUE,
    name            varchar(200)  NOT NULL,
    contact_email   varchar(254)  NOT NULL,
    metadata        jsonb         NOT NULL DEFAULT '{}',

    CONSTRAINT vendors_contact_email_format
        CHECK (contact_email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'),
    CONSTRAINT vendors_status_known CHECK (status IN ('pending', 'active', 'suspended', 'closed')),
    CONSTRAINT vendors_commission_rate_range CHECK (commission_rate BETWEEN 0 AND 0.5),
    CONSTRAINT vendors_updated_after_created CHECK (updated_at >= created_at),
    CONSTRAINT vendors_deleted_after_created CHECK (deleted_at IS NULL OR deleted_at >= created_at)
);

CREATE INDEX vendors_owner_id_idx ON vendors (owner_id);

CREATE TRIGGER vendors_set_updated_at BEFORE UPDATE ON vendors
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE vendors IS 'The sellers of the marketplace. Every change is written to audit_log.';
COMMENT ON COLUMN vendors.commission_rate IS 'Share of a sale that the marketplace keeps: 0.1 is 10 %.';
COMMENT ON COLUMN vendors.slug IS 'Part of the public URL; stays reserved after a soft delete.';


-- Catalogue ----------------------------------------------------------------------------------------------------------

CREATE TABLE categories (
    id         uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    parent_id  uuid         REFERENCES categories (id) ON DELETE RESTRICT,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),
    level      smallint     NOT NULL DEFAULT 0,
    sort_order smallint     NOT NULL DEFAULT 0,
    slug       varchar(120) NOT NULL UNIQUE,
    name       varchar(120) NOT NULL,

    CONSTRAINT categories_level_range CHECK (level BETWEEN 0 AND 5),
    CONSTRAINT categories_root_is_level_0 CHECK ((parent_id IS NULL) = (level = 0)),
    CONSTRAINT categories_not_own_parent CHECK (parent_id <> id),
    CONSTRAINT categories_updated_after_created CHECK (updated_at >= created_at)
);

CREATE INDEX categories_parent_id_sort_order_idx ON categories (parent_id, sort_order);

CREATE TRIGGER categories_set_updated_at BEFORE UPDATE ON categories
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE categories IS
    'The tree of the catalogue. A few thousand rows, which a recursive query over parent_id reads: no path to keep.';
COMMENT ON COLUMN categories.level IS 'Depth in the tree: 0 for a root, otherwise the level of the parent plus 1.';


CREATE TABLE products (
    id               uuid           PRIMARY KEY DEFAULT uuid_v7(),
    vendor_id        uuid           NOT NULL REFERENCES vendors (id) ON DELETE RESTRICT,
    category_id      uuid           NOT NULL REFERENCES categories (id) ON DELETE RESTRICT,
    created_at       timestamptz    NOT NULL DEFAULT now(),
    updated_at       timestamptz    NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    price            numeric(10, 2) NOT NULL,
    compare_at_price numeric(10, 2),
    status           text           NOT NULL DEFAULT 'draft',
    slug             varchar(255)   NOT NULL UNIQUE,
    name             varchar(255)   NOT NULL,
    description      text           NOT NULL DEFAULT '',
    metadata         jsonb          NOT NULL DEFAULT '{}',
    search_vector    tsvector       GENERATED ALWAYS AS (
        setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B')
    ) STORED,

    CONSTRAINT products_price_positive CHECK (price > 0),
    CONSTRAINT products_compare_at_price_not_lower CHECK (compare_at_price IS NULL OR compare_at_price >= price),
    CONSTRAINT products_status_known CHECK (status IN ('draft', 'active', 'archived')),
    CONSTRAINT products_updated_after_created CHECK (updated_at >= created_at),
    CONSTRAINT products_deleted_after_created CHECK (deleted_at IS NULL OR deleted_at >= created_at)
);

-- A category page filters and sorts by price and shows the name: answered from the index alone.
CREATE INDEX products_category_id_status_price_idx ON products (category_id, status, price) INCLUDE (name);
CREATE INDEX products_vendor_id_created_at_idx ON products (vendor_id, created_at DESC);
CREATE INDEX products_newest_idx ON products (created_at DESC)
    WHERE status = 'active' AND deleted_at IS NULL;
-- Shoppers search only what is on sale; drafts and archived products stay out of the largest index.
CREATE INDEX products_search_vector_idx ON products USING gin (search_vector)
    WHERE status = 'active' AND deleted_at IS NULL;
-- jsonb_path_ops answers @> only, with an index far smaller than the default operator class.
CREATE INDEX products_metadata_idx ON products USING gin (metadata jsonb_path_ops);

CREATE TRIGGER products_set_updated_at BEFORE UPDATE ON products
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE products IS 'What vendors offer; what is sold and counted is a variant of it.';
COMMENT ON COLUMN products.price IS 'Price of every variant that has none of its own.';
COMMENT ON COLUMN products.compare_at_price IS 'The price shown struck through; NULL when there is no reduction.';
COMMENT ON COLUMN products.metadata IS 'Attributes to filter by with @>, e.g. {"color": "red"}.';
COMMENT ON COLUMN products.search_vector IS
    'Stored rather than indexed as an expression, so that ranking does not parse the text again.';


CREATE TABLE product_variants (
    id           uuid         PRIMARY KEY DEFAULT uuid_v7(),
    product_id   uuid         NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    weight_grams integer      NOT NULL,
    price        numeric(10, 2),
    sku          varchar(64)  NOT NULL UNIQUE,
    name         varchar(120) NOT NULL,
    options      jsonb        NOT NULL DEFAULT '{}',

    CONSTRAINT product_variants_weight_positive CHECK (weight_grams > 0),
    CONSTRAINT product_variants_price_positive CHECK (price > 0),
    CONSTRAINT product_variants_updated_after_created CHECK (updated_at >= created_at),
    CONSTRAINT product_variants_deleted_after_created CHECK (deleted_at IS NULL OR deleted_at >= created_at)
);

CREATE INDEX product_variants_product_id_idx ON product_variants (product_id);

CREATE TRIGGER product_variants_set_updated_at BEFORE UPDATE ON product_variants
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE product_variants IS 'The units that are stocked and sold, e.g. one size and colour of a product.';
COMMENT ON COLUMN product_variants.price IS 'NULL: the price of the product applies.';
COMMENT ON COLUMN product_variants.options IS 'What tells the variants of a product apart, e.g. {"size": "M"}.';


-- Kept apart from product_variants because it changes with every sale and they hardly ever do. The free space on each
-- page and the absence of an index on the quantities let PostgreSQL update the rows in place (heap-only tuples).
CREATE TABLE inventory (
    variant_id    uuid        PRIMARY KEY REFERENCES product_variants (id) ON DELETE CASCADE,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    on_hand       integer     NOT NULL DEFAULT 0,
    reserved      integer     NOT NULL DEFAULT 0,
    reorder_level integer     NOT NULL DEFAULT 0,

    CONSTRAINT inventory_on_hand_not_negative CHECK (on_hand >= 0),
    CONSTRAINT inventory_reserved_is_on_hand CHECK (reserved BETWEEN 0 AND on_hand),
    CONSTRAINT inventory_reorder_level_not_negative CHECK (reorder_level >= 0),
    CONSTRAINT inventory_updated_after_created CHECK (updated_at >= created_at)
) WITH (fillfactor = 80);

CREATE TRIGGER inventory_set_updated_at BEFORE UPDATE ON inventory
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE inventory IS 'Stock, one row for each variant. The CHECKs make overselling an error, not a race.';
COMMENT ON COLUMN inventory.reserved IS 'Part of on_hand that open orders hold; available = on_hand - reserved.';
COMMENT ON COLUMN inventory.reorder_level IS 'The vendor is told when the available quantity falls to this.';


-- Shopping -----------------------------------------------------------------------------------------------------------

CREATE TABLE wishlist_items (
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    product_id uuid        NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (user_id, product_id)
);

CREATE INDEX wishlist_items_product_id_idx ON wishlist_items (product_id);

COMMENT ON TABLE wishlist_items IS 'Which user wants to remember which product.';


CREATE TABLE carts (
    id         uuid        PRIMARY KEY DEFAULT uuid_v7(),
    user_id    uuid        REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + INTERVAL '30 days',
    status     text        NOT NULL DEFAULT 'active',

    CONSTRAINT carts_status_known CHECK (status IN ('active', 'converted', 'abandoned')),
    CONSTRAINT carts_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT carts_updated_after_created CHECK (updated_at >= created_at)
);

CREATE INDEX carts_user_id_status_idx ON carts (user_id, status);
CREATE INDEX carts_expiring_idx ON carts (expires_at) WHERE status = 'active';

CREATE TRIGGER carts_set_updated_at BEFORE UPDATE ON carts
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE carts IS 'Shopping carts; a user may have one on each device until they are merged.';
COMMENT ON COLUMN carts.user_id IS 'NULL for a guest.';
COMMENT ON COLUMN carts.expires_at IS 'An active cart is marked as abandoned after this.';


CREATE TABLE cart_items (
    id         uuid        PRIMARY KEY DEFAULT uuid_v7(),
    cart_id    uuid        NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    variant_id uuid        NOT NULL REFERENCES product_variants (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    quantity   smallint    NOT NULL DEFAULT 1,

    UNIQUE (cart_id, variant_id),
    CONSTRAINT cart_items_quantity_range CHECK (quantity BETWEEN 1 AND 100),
    CONSTRAINT cart_items_updated_after_created CHECK (updated_at >= created_at)
);

CREATE INDEX cart_items_variant_id_idx ON cart_items (variant_id);

CREATE TRIGGER cart_items_set_updated_at BEFORE UPDATE ON cart_items
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE cart_items IS 'What is in a cart, at the price of the day: no amount is stored before the order.';


-- Orders -------------------------------------------------------------------------------------------------------------

-- Partitioned by month: a report reads the months it is about, and vacuum and reindexing work on one month at a time.
-- Every unique constraint of a partitioned table has to contain the partition key, so neither PRIMARY KEY
-- (id, created_at) nor UNIQUE (order_number, created_at) proves that id or order_number is unique on its own. Both are
-- unique by construction: an id has 74 random bits beside its time, an order_number comes from one sequence and is
-- never chosen by a client. A separate table of order numbers would prove it, at the price of a second insert in every
-- checkout and of 50 million rows more; the constraint's index, one small look-up in each month, finds an order by its
-- number just as well.
CREATE SEQUENCE orders_order_number_seq AS bigint;

CREATE TABLE orders (
    id               uuid           NOT NULL DEFAULT uuid_v7(),
    user_id          uuid           NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    created_at       timestamptz    NOT NULL DEFAULT now(),
    updated_at       timestamptz    NOT NULL DEFAULT now(),
    order_number     bigint         NOT NULL DEFAULT nextval('orders_order_number_seq'),
    status           order_status   NOT NULL DEFAULT 'pending',
    currency         char(3)        NOT NULL DEFAULT 'USD',
    subtotal         numeric(12, 2) NOT NULL,
    tax              numeric(12, 2) NOT NULL DEFAULT 0,
    shipping         numeric(12, 2) NOT NULL DEFAULT 0,
    total            numeric(12, 2) NOT NULL,
    shipping_address jsonb          NOT NULL,
    billing_address  jsonb,
    notes            text,

    PRIMARY KEY (id, created_at),
    UNIQUE (order_number, created_at),
    CONSTRAINT orders_order_number_positive CHECK (order_number > 0),
    CONSTRAINT orders_currency_format CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT orders_amounts_not_negative CHECK (subtotal >= 0 AND tax >= 0 AND shipping >= 0),
    CONSTRAINT orders_total_adds_up CHECK (total = subtotal + tax + shipping),
    CONSTRAINT orders_shipping_address_is_object CHECK (jsonb_typeof(shipping_address) = 'object'),
    CONSTRAINT orders_updated_after_created CHECK (updated_at >= created_at)
) PARTITION BY RANGE (created_at);

ALTER SEQUENCE orders_order_number_seq OWNED BY orders.order_number;

DO $$
DECLARE
    month date := DATE '2024-01-01';
BEGIN
    WHILE month <= DATE '2026-01-01' LOOP
        -- The offset in the bounds makes the months the same whatever time zone this session has.
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF orders FOR VALUES FROM (%L) TO (%L)',
            'orders_' || to_char(month, 'YYYY_MM'),
            to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char(month + INTERVAL '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
        month := month + INTERVAL '1 month';
    END LOOP;
END
$$;

CREATE TABLE orders_default PARTITION OF orders DEFAULT;

CREATE INDEX orders_user_id_created_at_idx ON orders (user_id, created_at DESC);
-- The work list of fulfilment: a small, constantly renewed part of all orders.
CREATE INDEX orders_open_idx ON orders (status, created_at)
    WHERE status IN ('pending', 'paid', 'processing');
-- Orders arrive in the order of time, so a few pages of BRIN find a day within its month.
CREATE INDEX orders_created_at_brin ON orders USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TRIGGER orders_set_updated_at BEFORE UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE orders IS 'What customers bought, one partition a month (UTC). Cancelled or refunded, not deleted.';
COMMENT ON TABLE orders_default IS
    'Catches orders outside the monthly partitions. Should stay empty: make the partition of a month before it begins.';
COMMENT ON COLUMN orders.order_number IS 'The number the customer is told; always from orders_order_number_seq.';
COMMENT ON COLUMN orders.currency IS 'ISO 4217 code of every amount of this order, its items and its payments.';
COMMENT ON COLUMN orders.shipping_address IS 'As of the checkout: a later move of the customer does not change it.';
COMMENT ON COLUMN orders.billing_address IS 'NULL: the same as shipping_address.';


CREATE TABLE order_items (
    id               uuid           PRIMARY KEY DEFAULT uuid_v7(),
    order_id         uuid           NOT NULL,
    order_created_at timestamptz    NOT NULL,
    variant_id       uuid           NOT NULL REFERENCES product_variants (id) ON DELETE RESTRICT,
    vendor_id        uuid           NOT NULL REFERENCES vendors (id) ON DELETE RESTRICT,
    quantity         smallint       NOT NULL DEFAULT 1,
    unit_price       numeric(10, 2) NOT NULL,
    line_total       numeric(12, 2) NOT NULL,
    sku              varchar(64)    NOT NULL,
    name             varchar(255)   NOT NULL,

    FOREIGN KEY (order_id, order_created_at) REFERENCES orders (id, created_at) ON DELETE CASCADE,
    CONSTRAINT order_items_quantity_range CHECK (quantity BETWEEN 1 AND 100),
    CONSTRAINT order_items_unit_price_positive CHECK (unit_price > 0),
    CONSTRAINT order_items_line_total_adds_up CHECK (line_total = unit_price * quantity)
);

CREATE INDEX order_items_order_id_order_created_at_idx ON order_items (order_id, order_created_at);
CREATE INDEX order_items_variant_id_idx ON order_items (variant_id);
-- The sales report of a vendor over a period is answered from the index alone.
CREATE INDEX order_items_vendor_id_order_created_at_idx ON order_items (vendor_id, order_created_at)
    INCLUDE (quantity, line_total);

COMMENT ON TABLE order_items IS 'The lines of an order, written once. Their line_total sums to its subtotal.';
COMMENT ON COLUMN order_items.order_created_at IS
    'With order_id the key of the order: it names the partition, so that a join reads one month.';
COMMENT ON COLUMN order_items.vendor_id IS 'Who sold it, as of the sale: the product may change hands.';
COMMENT ON COLUMN order_items.unit_price IS 'As of the sale, like sku and name.';


CREATE TABLE payments (
    id                 uuid           PRIMARY KEY DEFAULT uuid_v7(),
    order_id           uuid           NOT NULL,
    order_created_at   timestamptz    NOT NULL,
    created_at         timestamptz    NOT NULL DEFAULT now(),
    updated_at         timestamptz    NOT NULL DEFAULT now(),
    captured_at        timestamptz,
    status             payment_status NOT NULL DEFAULT 'pending',
    amount             numeric(12, 2) NOT NULL,
    refunded_amount    numeric(12, 2) NOT NULL DEFAULT 0,
    method             text           NOT NULL,
    provider           varchar(40)    NOT NULL,
    provider_reference varchar(100)   NOT NULL,
    payment_info       bytea,

    FOREIGN KEY (order_id, order_created_at) REFERENCES orders (id, created_at) ON DELETE RESTRICT,
    -- Providers repeat their notifications; the second one must not book the money again.
    UNIQUE (provider_reference, provider),
    CONSTRAINT payments_amount_positive CHECK (amount > 0),
    CONSTRAINT payments_refund_within_amount CHECK (refunded_amount >= 0 AND refunded_amount <= amount),
    CONSTRAINT payments_method_known CHECK (method IN ('card', 'bank_transfer', 'wallet', 'invoice')),
    CONSTRAINT payments_captured_after_created CHECK (captured_at IS NULL OR captured_at >= created_at),
    CONSTRAINT payments_updated_after_created CHECK (updated_at >= created_at)
);

CREATE INDEX payments_order_id_order_created_at_idx ON payments (order_id, order_created_at);
CREATE INDEX payments_unsettled_idx ON payments (created_at) WHERE status IN ('pending', 'authorized');

CREATE TRIGGER payments_set_updated_at BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE payments IS 'Attempts to pay an order. Every change after the first write goes to audit_log.';
COMMENT ON COLUMN payments.payment_info IS
    'Details of the payment, encrypted by the application before they get here. Never a card number or its code.';
COMMENT ON COLUMN payments.provider_reference IS 'Identifier of the payment at the provider.';


-- Reviews ------------------------------------------------------------------------------------------------------------

CREATE TABLE reviews (
    id                uuid         PRIMARY KEY DEFAULT uuid_v7(),
    product_id        uuid         NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    user_id           uuid         NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    helpful_count     integer      NOT NULL DEFAULT 0,
    rating            smallint     NOT NULL,
    verified_purchase boolean      NOT NULL DEFAULT false,
    status            text         NOT NULL DEFAULT 'pending',
    title             varchar(200) NOT NULL,
    body              text         NOT NULL DEFAULT '',

    UNIQUE (product_id, user_id),
    CONSTRAINT reviews_rating_range CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_helpful_count_not_negative CHECK (helpful_count >= 0),
    CONSTRAINT reviews_status_known CHECK (status IN ('pending', 'published', 'rejected')),
    CONSTRAINT reviews_updated_after_created CHECK (updated_at >= created_at),
    CONSTRAINT reviews_deleted_after_created CHECK (deleted_at IS NULL OR deleted_at >= created_at)
);

CREATE INDEX reviews_user_id_idx ON reviews (user_id);
-- The page of a product lists its newest reviews; INCLUDE lets its average rating be an index-only scan.
CREATE INDEX reviews_published_idx ON reviews (product_id, created_at DESC) INCLUDE (rating)
    WHERE status = 'published' AND deleted_at IS NULL;

CREATE TRIGGER reviews_set_updated_at BEFORE UPDATE ON reviews
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE reviews IS 'One review of a product by a user; writing again edits it, a soft-deleted one included.';
COMMENT ON COLUMN reviews.verified_purchase IS 'The user had bought the product when the review was written.';


-- Audit --------------------------------------------------------------------------------------------------------------

CREATE TABLE audit_log (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    record_id      uuid        NOT NULL,
    user_id        uuid        REFERENCES users (id) ON DELETE SET NULL,
    operation      text        NOT NULL,
    table_name     varchar(63) NOT NULL,
    ip_address     inet,
    changed_fields text[],
    old_values     jsonb,
    new_values     jsonb,
    user_agent     text,

    CONSTRAINT audit_log_operation_known CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE'))
);

CREATE INDEX audit_log_record_id_created_at_idx ON audit_log (record_id, created_at DESC);
CREATE INDEX audit_log_user_id_created_at_idx ON audit_log (user_id, created_at DESC);
-- Append-only, so the time and the place of a row agree.
CREATE INDEX audit_log_created_at_brin ON audit_log USING brin (created_at)
    WITH (pages_per_range = 32, autosummarize = on);

COMMENT ON TABLE audit_log IS 'Who changed what and when on the critical tables. Append-only, written by trigger.';
COMMENT ON COLUMN audit_log.record_id IS 'The id of the row in table_name. No foreign key: the log outlives the row.';
COMMENT ON COLUMN audit_log.user_id IS 'From the session setting app.user_id; NULL: not through the application.';
COMMENT ON COLUMN audit_log.changed_fields IS 'Names of the columns that an UPDATE changed; NULL otherwise.';

-- SECURITY DEFINER lets a role that must not touch audit_log itself still leave its trace there. Arguments of the
-- trigger name columns whose values are kept out of the log.
CREATE FUNCTION write_audit_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    secret  text[] := coalesce(TG_ARGV, '{}');
    old_row jsonb;
    new_row jsonb;
    changed text[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_row := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := to_jsonb(NEW);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(field.key ORDER BY field.key)
        INTO changed
        FROM jsonb_each(new_row) AS field
        WHERE field.key <> 'updated_at' AND field.value IS DISTINCT FROM old_row -> field.key;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;

    INSERT INTO audit_log
        (table_name, record_id, operation, changed_fields, old_values, new_values, user_id, ip_address, user_agent)
    VALUES
        (TG_TABLE_NAME, (coalesce(new_row, old_row) ->> 'id')::uuid, TG_OP, changed, old_row - secret, new_row - secret,
         nullif(current_setting('app.user_id', true), '')::uuid,
         coalesce(nullif(current_setting('app.client_address', true), '')::inet, inet_client_addr()),
         nullif(current_setting('app.user_agent', true), ''));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION write_audit_log() IS
    'AFTER row trigger that writes the change to audit_log, without the values of the columns named as its arguments.';

CREATE TRIGGER vendors_audit AFTER INSERT OR UPDATE OR DELETE ON vendors
    FOR EACH ROW EXECUTE FUNCTION write_audit_log();

-- A new payment is its own record; what happens to it afterwards is not.
CREATE TRIGGER payments_audit AFTER UPDATE OR DELETE ON payments
    FOR EACH ROW EXECUTE FUNCTION write_audit_log('payment_info');
