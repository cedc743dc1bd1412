-- What the warehouse knows. Current state only: the history is in the log. All of it is folded from our own events.

-- Folded from ProductListed: what is for sale. Rows are never deleted.
CREATE TABLE products (
    sku          text COLLATE "C" PRIMARY KEY,   -- bytes: sorted in Postgres as in Rust
    name         text        NOT NULL,
    amount_minor bigint      NOT NULL,
    currency     text        NOT NULL,
    listed_at    timestamptz NOT NULL,           -- of the event
    sequence     bigint      NOT NULL            -- of the last event on products, key sku
);

-- Folded from StockReceived, StockReserved, StockCommitted, StockReleased: sums. The row is the lock of its sku; it comes
-- with the product, so every sku that can be ordered has one. Hot: many orders change the same few rows, so pages have
-- room for new versions, no index holds a changing column, and vacuum comes early.
CREATE TABLE stock (
    sku      text COLLATE "C" PRIMARY KEY,
    on_hand  bigint NOT NULL DEFAULT 0,          -- in the warehouse, set aside included
    reserved bigint NOT NULL DEFAULT 0,          -- set aside
    received bigint NOT NULL DEFAULT 0,          -- ever; received - on_hand is sold
    sequence bigint NOT NULL DEFAULT 0           -- of the last event on inventory, key sku
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Folded from StockReceived: recognises a delivery that is reported again.
CREATE TABLE receipts (
    receipt_id  uuid        PRIMARY KEY,
    sku         text        COLLATE "C" NOT NULL,
    quantity    bigint      NOT NULL,
    received_at timestamptz NOT NULL             -- of the event
);

-- Folded from StockReserved, StockRejected, StockCommitted, StockReleased: the answer to each order. Never deleted: a late
-- event must find it. A row is inserted once and changes twice at most, soon after.
CREATE TABLE reservations (
    order_id      uuid        PRIMARY KEY,
    status        text        NOT NULL CHECK (status IN ('reserved', 'rejected', 'committed', 'released')),
    released_from text        CHECK (released_from IN ('unknown', 'reserved', 'sold', 'nothing')),
    lines         jsonb       NOT NULL,          -- [{"sku", "quantity"}]: what is, or last was, held
    updated_at    timestamptz NOT NULL,          -- of the last event
    sequence      bigint      NOT NULL,          -- of the last event on inventory, key order_id
    seen          bigint      NOT NULL DEFAULT 0, -- local: the last number read on orders, key order_id; not in our log
    CHECK ((status = 'released') = (released_from IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
