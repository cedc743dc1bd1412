-- What messaging keeps in the database of each service. All of it is local: none of it is rebuilt from the log.
CREATE SCHEMA IF NOT EXISTS messaging;

-- Events that are decided but not yet acknowledged by the broker. A row leaves after the ack.
CREATE TABLE messaging.outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- of one key, order of ids = order of decisions: rows are added under the aggregate's lock
    shard          smallint    NOT NULL,  -- hash of the key; relays claim shards, never rows
    topic          text        NOT NULL,  -- without prefix
    key            text        NOT NULL,
    event_id       uuid        NOT NULL,
    record         text        NOT NULL,  -- full name of the writer's schema, also the registry's subject
    fingerprint    bytea       NOT NULL,  -- of the writer's schema: a newer build must not publish an older build's bytes under its own id
    datum          bytea,                 -- bare Avro; null is a tombstone
    sequence       bigint      NOT NULL,
    time           timestamptz NOT NULL,
    correlation    text        NOT NULL,
    causation      uuid,
    traceparent    text,
    tracestate     text
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000);

-- Schemas that unsent rows were written with and a later build no longer has.
CREATE TABLE messaging.writer_schema (
    fingerprint bytea PRIMARY KEY,
    record      text NOT NULL,
    schema      text NOT NULL
);

-- Which relay publishes which shard.
CREATE TABLE messaging.relay_lease (
    shard smallint    PRIMARY KEY,
    owner text,
    until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO messaging.relay_lease (shard) SELECT generate_series(0, 16);

-- Relays that are alive, so that each takes its fair share of the shards.
CREATE TABLE messaging.relay_instance (
    instance text        PRIMARY KEY,
    until    timestamptz NOT NULL
);

-- How far each partition was read. The truth about it, and the fence against a reader that lost it.
CREATE TABLE messaging.position (
    topic           text   NOT NULL,
    partition       int    NOT NULL,
    next_offset     bigint NOT NULL,
    last_event_id   uuid,          -- of the record before next_offset: a topic made anew has another one there
    last_event_time timestamptz,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Ids of the events that had their effect. One partition a day of `day` (of the event's own time, so that a repeat meets its first).
CREATE TABLE messaging.inbox (
    event_id uuid NOT NULL,
    day      date NOT NULL,
    PRIMARY KEY (event_id, day)
) PARTITION BY RANGE (day);
CREATE TABLE messaging.inbox_default PARTITION OF messaging.inbox DEFAULT;

-- Makes the partitions around today and drops those older than `keep_days`. The running role may not do it itself.
CREATE FUNCTION messaging.maintain_inbox(today date, keep_days int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    wanted date;
    old    record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('messaging.maintain_inbox'));
    FOR wanted IN SELECT today + n FROM generate_series(-1, 2) AS n LOOP
        IF to_regclass(format('messaging.inbox_%s', to_char(wanted, 'YYYYMMDD'))) IS NULL
           AND NOT EXISTS (SELECT 1 FROM messaging.inbox_default WHERE day = wanted) THEN
            EXECUTE format('CREATE TABLE messaging.inbox_%s PARTITION OF messaging.inbox FOR VALUES FROM (%L) TO (%L)',
                           to_char(wanted, 'YYYYMMDD'), wanted, wanted + 1);
        END IF;
    END LOOP;
    FOR old IN SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
               WHERE n.nspname = 'messaging' AND relkind = 'r' AND relname ~ '^inbox_[0-9]{8}$'
                 AND to_date(right(relname, 8), 'YYYYMMDD') < today - keep_days LOOP
        EXECUTE format('DROP TABLE messaging.%I', old.relname);
    END LOOP;
    DELETE FROM messaging.inbox_default WHERE day < today - keep_days;
END $$;

-- Records that could not be handled, and those that came behind them with the same key.
CREATE TABLE messaging.dead_letter (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text        NOT NULL,
    partition  int         NOT NULL,
    "offset"   bigint      NOT NULL,
    key        bytea,
    value      bytea,
    headers    jsonb       NOT NULL,
    event_id   uuid,
    record     text,
    kind       text        NOT NULL CHECK (kind IN ('undecodable', 'refused', 'panicked', 'failed', 'behind')),
    reason     text        NOT NULL,
    attempts   int         NOT NULL,
    parked_at  timestamptz NOT NULL,
    state      text        NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'redriven', 'discarded')),
    UNIQUE (topic, partition, "offset")
);
CREATE INDEX dead_letter_parked_key ON messaging.dead_letter (topic, key) WHERE state = 'parked';

-- Calls to the outside that are to be made. Of one key the oldest is worked on, one at a time.
CREATE TABLE messaging.intent (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text        NOT NULL,
    kind        text        NOT NULL,
    payload     jsonb       NOT NULL,
    subject     text,
    causation   uuid,
    traceparent text,
    tracestate  text,
    due_at      timestamptz NOT NULL,
    woken       boolean     NOT NULL DEFAULT false, -- since it was claimed: what it waits for is there
    attempts    int         NOT NULL DEFAULT 0,
    lease_owner text,
    lease_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX intent_key ON messaging.intent (key, id);
CREATE INDEX intent_due ON messaging.intent (due_at);
CREATE INDEX intent_subject ON messaging.intent (subject) WHERE subject IS NOT NULL;
