-- A key is whatever somebody wrote, up to a megabyte, and a row of an index holds 2,704 bytes: a record under a longer key could
-- not be parked, and its partition waited for ever.
DROP INDEX messaging.dead_letter_parked_key;
CREATE INDEX dead_letter_parked_key ON messaging.dead_letter (topic, sha256(key)) WHERE state = 'parked';
