-- What the order service knows. Each table says whether it is folded from the log or local.

-- folded, from `orders`, `inventory` and `payments`: one row an order, as it is now.
-- Rows are changed a few times within a second of their making; the free space keeps them on their page.
CREATE TABLE orders (
    order_id       uuid        PRIMARY KEY,  -- UUIDv7: newest first is by id
    customer_id    uuid        NOT NULL,
    lines          jsonb       NOT NULL,     -- [{sku, quantity, unit_price}]
    total_minor    bigint      NOT NULL CHECK (total_minor >= 0),
    currency       text        NOT NULL,
    created_at     timestamptz NOT NULL,
    deadline_at    timestamptz NOT NULL,
    status         text        NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled')),
    reason         text        CHECK (reason IN ('out_of_stock', 'payment_declined', 'capture_failed', 'timed_out',
                                                 'customer_request', 'unknown')),
    confirmed_at   timestamptz,              -- also of a cancelled order that had been confirmed
    stock          text        NOT NULL CHECK (stock IN ('pending', 'reserved', 'rejected', 'committed', 'released')),
    payment        text        NOT NULL CHECK (payment IN ('pending', 'authorized', 'declined', 'captured',
                                                           'capture_failed', 'voided', 'refunded')),
    updated_at     timestamptz NOT NULL,
    sequence       bigint      NOT NULL,     -- own events so far
    seen_inventory bigint      NOT NULL,     -- events of others so far: a repeat is recognised long after the inbox forgot it
    seen_payments  bigint      NOT NULL,
    changes        bigint      NOT NULL,     -- number of the last row in order_changes
    CHECK ((reason IS NOT NULL) = (status = 'cancelled')),
    CHECK (status <> 'pending' OR confirmed_at IS NULL),
    CHECK (status <> 'confirmed' OR confirmed_at IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX orders_of_customer ON orders (customer_id, order_id);
CREATE INDEX orders_by_status ON orders (status, order_id);
CREATE INDEX orders_due ON orders (deadline_at) WHERE status = 'pending';

-- folded, as `orders`: one small row a change, what GET /orders/{id}/events tells. Only the numbers depend on how the topics were interleaved.
CREATE TABLE order_changes (
    order_id   uuid        NOT NULL,
    number     bigint      NOT NULL,         -- 1, 2, 3… per order
    event_id   uuid        NOT NULL,         -- of the event that was folded
    status     text        NOT NULL,
    reason     text,
    stock      text        NOT NULL,
    payment    text        NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, number)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

-- folded, from `customers`: who may order. An erased customer is a row without personal data.
CREATE TABLE customers (
    customer_id uuid   PRIMARY KEY,
    name        text,
    email       text,
    sequence    bigint NOT NULL,             -- own events so far
    CHECK ((name IS NULL) = (email IS NULL))
);

-- folded, from `products`: the prices orders are placed at.
CREATE TABLE products (
    sku              text   COLLATE "C" PRIMARY KEY,
    name             text   NOT NULL,
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    currency         text   NOT NULL,
    seen             bigint NOT NULL
);

-- local: what was answered to a request with an Idempotency-Key; promised to callers of this instance's database for a day, not a fact of the store.
CREATE TABLE idempotency (
    key        text        PRIMARY KEY,
    body_hash  bytea       NOT NULL,         -- SHA-256 of the canonical body
    order_id   uuid        NOT NULL,
    body       text        NOT NULL,         -- the answer, as it was
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX idempotency_age ON idempotency (created_at);
