-- When `due_at` was set, by the clock it was set by, the service's. Later than now: that clock has gone back since.
ALTER TABLE messaging.intent ADD COLUMN asked_at timestamptz NOT NULL DEFAULT '-infinity';
