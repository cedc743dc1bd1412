-- One row an order: where its money is. Folded from `payments` (status, amount, gateway_reference, sequence) and copied
-- from `orders` (asked, and the amount of a pending one). Local, for no event tells them: attempts (calls are no facts) and
-- orders_seen (what this database decided upon; one made anew reads `orders` from the beginning, ignores what the fold
-- knows, and decides what never reached the log).
-- No row is ever deleted, and nothing but the key is indexed, so that each change of a payment fits beside it on its page.
CREATE TABLE payments (
    order_id          uuid   PRIMARY KEY,
    status            text   NOT NULL CONSTRAINT payments_status_known CHECK
                      (status IN ('pending', 'authorized', 'declined', 'captured', 'capture_failed', 'voided', 'refunded')),
    amount_minor      bigint CONSTRAINT payments_amount_not_negative CHECK (amount_minor >= 0),
    currency          text   CONSTRAINT payments_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    gateway_reference text,
    attempts          int    NOT NULL CONSTRAINT payments_attempts_not_negative CHECK (attempts >= 0),
    asked             text   NOT NULL CONSTRAINT payments_asked_known CHECK (asked IN ('hold', 'take', 'undo')),
    sequence          bigint NOT NULL CONSTRAINT payments_sequence_not_negative CHECK (sequence >= 0),
    orders_seen       bigint NOT NULL CONSTRAINT payments_orders_seen_not_negative CHECK (orders_seen >= 0),
    -- Only an order that was cancelled before it was heard of has no amount.
    CONSTRAINT payments_amount_whole CHECK
        ((amount_minor IS NULL) = (currency IS NULL) AND (amount_minor IS NOT NULL OR status = 'voided')),
    CONSTRAINT payments_reference_fits CHECK (CASE
        WHEN status = 'pending' THEN gateway_reference IS NULL
        WHEN status IN ('authorized', 'captured', 'refunded') THEN gateway_reference IS NOT NULL
        ELSE true END)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
