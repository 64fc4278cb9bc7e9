#!lua flags=no-writes
-- Every row that is kept of versions.
--
-- KEYS   1 shapes: HASH version -> row.
-- Returns version and row by turns.
return redis.call('HGETALL', KEYS[1])
