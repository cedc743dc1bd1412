-- What is known of each order. Folded from one topic; `storectl replay` has it folded again from the beginning.
CREATE TABLE folded (
    key   text   PRIMARY KEY,
    seen  bigint NOT NULL,                     -- ce_sequence of the last event had of this key
    state jsonb  NOT NULL
) WITH (fillfactor = 80);
