-- When the record was stamped in the log: a redrive reads it as the first try did. Rows parked before have none.
ALTER TABLE messaging.dead_letter ADD COLUMN stamped_at timestamptz;

-- What somebody asked to be done with dead letters, who and why. Written by `storectl`, carried out by the service, kept for ever.
-- Local: what people decided is not in the log.
CREATE TABLE messaging.dead_letter_action (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('redrive', 'discard')),
    who          text        NOT NULL,
    reason       text,
    whole_keys   boolean     NOT NULL, -- also what comes behind these while it is under way
    requested_at timestamptz NOT NULL DEFAULT now(),
    done_at      timestamptz,
    CHECK (kind = 'redrive' OR reason IS NOT NULL)
);
CREATE INDEX dead_letter_action_open ON messaging.dead_letter_action (id) WHERE done_at IS NULL;

-- The letters of an action and what came of each; null: still to be done.
-- Local, for the same reason.
CREATE TABLE messaging.dead_letter_step (
    action  bigint NOT NULL REFERENCES messaging.dead_letter_action,
    letter  bigint NOT NULL REFERENCES messaging.dead_letter,
    outcome text CHECK (outcome IN ('redriven', 'discarded', 'failed', 'behind', 'gone')),
    detail  text,
    done_at timestamptz,
    PRIMARY KEY (action, letter)
);
CREATE INDEX dead_letter_step_open ON messaging.dead_letter_step (action, letter) WHERE outcome IS NULL;
CREATE INDEX dead_letter_step_letter ON messaging.dead_letter_step (letter);
