-- All of it is folded from the topic `orders`, and can be folded again from its beginning at any time. No personal data, not
-- even whose order it is.

-- What is known of each order: enough to take a sale back in the hour it was counted in.
CREATE TABLE order_facts (
    order_id     uuid   PRIMARY KEY,
    orders_seen  bigint NOT NULL,              -- highest ce_sequence had from `orders`
    placed_at    timestamptz,
    confirmed_at timestamptz,
    cancelled    text CHECK (cancelled IN ('unknown', 'out_of_stock', 'payment_declined', 'capture_failed', 'timed_out',
                                           'customer_request'))
) WITH (fillfactor = 80, -- each row is written again when its order is decided; room for that on its own page
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- What was sold: a row for each hour (UTC), product and currency. `sold` counts what was confirmed in that hour, `back` what of
-- it was cancelled since, so that sold - back is what stays sold. Sums are added to, so no CHECK can hold for what is added.
CREATE TABLE sales (
    hour         timestamptz NOT NULL CHECK (hour = date_trunc('hour', hour, 'UTC')),
    sku          text   NOT NULL,
    currency     text   NOT NULL,
    orders_sold  bigint NOT NULL,
    units_sold   bigint NOT NULL,
    amount_sold  bigint NOT NULL,              -- minor units
    orders_back  bigint NOT NULL,
    units_back   bigint NOT NULL,
    amount_back  bigint NOT NULL,
    PRIMARY KEY (hour, sku, currency)
) WITH (fillfactor = 50, -- the rows of this hour are written all the time
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE INDEX sales_of_a_product ON sales (sku, hour, currency);

-- What became of the orders that were placed in each hour (UTC), by how they stand now.
CREATE TABLE conversion (
    hour             timestamptz PRIMARY KEY CHECK (hour = date_trunc('hour', hour, 'UTC')),
    pending          bigint NOT NULL,
    confirmed        bigint NOT NULL,
    out_of_stock     bigint NOT NULL,
    payment_declined bigint NOT NULL,
    capture_failed   bigint NOT NULL,
    timed_out        bigint NOT NULL,
    customer_request bigint NOT NULL,
    unknown          bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
