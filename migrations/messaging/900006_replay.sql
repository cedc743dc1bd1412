-- What a consumer says of itself at its start: that it only keeps what it hears. Whoever has no row publishes or calls, and is never
-- replayed. Local: it is about the code that runs, not about the log.
CREATE TABLE messaging.listener (
    name        text        PRIMARY KEY, -- also its group, without prefix
    topics      text[]      NOT NULL,
    anew        boolean     NOT NULL,    -- it can only hear everything from the beginning, with these tables empty
    tables      text[]      NOT NULL,
    declared_at timestamptz NOT NULL
);

-- Records below it were read before: to read them is a replay. Local, as all of the row.
ALTER TABLE messaging.position ADD COLUMN replay_to bigint;

-- What was replayed, who wanted it and why; kept for ever. Local: what people decided is not in the log.
CREATE TABLE messaging.replay (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who          text        NOT NULL,
    reason       text        NOT NULL,
    begin_at     text        NOT NULL,   -- as it was asked for: beginning, a time, an offset
    emptied      text[]      NOT NULL,   -- tables
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- Its partitions. Local, for the same reason.
CREATE TABLE messaging.replay_part (
    replay      bigint NOT NULL REFERENCES messaging.replay,
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    from_offset bigint NOT NULL,         -- the position it was given
    to_offset   bigint NOT NULL,         -- the position it had
    PRIMARY KEY (replay, topic, partition)
);
