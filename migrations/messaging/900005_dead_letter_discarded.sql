-- A discard is for ever, also when the inbox has forgotten the event: it is looked for with each event that is new to the inbox.
CREATE INDEX dead_letter_discarded ON messaging.dead_letter (event_id) WHERE state = 'discarded';
