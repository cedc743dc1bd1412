-- The mails of each order. Folded: ends and `published` from our own topic `emails`.
-- `pending` and `orders_seen` are local to the reading of `orders`: read again from the beginning, it opens anew what never ended.
-- No personal data, not even whose order it is.
CREATE TABLE order_mail (
    order_id                uuid   PRIMARY KEY,
    orders_seen             bigint NOT NULL,   -- ce_sequence of the last event had from `orders`
    published               bigint NOT NULL,   -- ce_sequence of our last event on `emails`
    receipt_status          text CHECK (receipt_status IN ('pending', 'sent', 'failed')),
    receipt_message_id      text,
    receipt_failure         text,
    receipt_ended_at        timestamptz,
    cancellation_status     text CHECK (cancellation_status IN ('pending', 'sent', 'failed')),
    cancellation_message_id text,
    cancellation_failure    text,
    cancellation_ended_at   timestamptz,
    CONSTRAINT receipt_is_whole CHECK (
        (receipt_message_id IS NOT NULL) = (receipt_status IS NOT DISTINCT FROM 'sent')
        AND (receipt_failure IS NOT NULL) = (receipt_status IS NOT DISTINCT FROM 'failed')
        AND (receipt_ended_at IS NOT NULL) = (receipt_status IS NOT NULL AND receipt_status <> 'pending')),
    CONSTRAINT cancellation_is_whole CHECK (
        (cancellation_message_id IS NOT NULL) = (cancellation_status IS NOT DISTINCT FROM 'sent')
        AND (cancellation_failure IS NOT NULL) = (cancellation_status IS NOT DISTINCT FROM 'failed')
        AND (cancellation_ended_at IS NOT NULL) = (cancellation_status IS NOT NULL AND cancellation_status <> 'pending'))
) WITH (fillfactor = 70, -- each row is written again when its mail has ended; room for that on its own page
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- How to address each customer. Folded from the compacted topic `customers`, the only place with personal data.
-- An erased customer keeps a row without any, so that no late event brings the name back.
CREATE TABLE customer (
    customer_id    uuid    PRIMARY KEY,
    customers_seen bigint  NOT NULL,           -- ce_sequence of the last event had from `customers`
    erased         boolean NOT NULL,
    name           text,
    email          text,
    CONSTRAINT contact_is_whole CHECK ((name IS NULL) = erased AND (email IS NULL) = erased)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100); -- what an erasure leaves behind goes soon
