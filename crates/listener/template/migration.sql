-- What is known of each order. Folded from one topic; drop the database, and it is folded again from the beginning.
CREATE TABLE folded (
    key   text   PRIMARY KEY,
    seen  bigint NOT NULL,                     -- ce_sequence of the last event had of this key
    state jsonb  NOT NULL
) WITH (fillfactor = 80);
