#!lua flags=no-writes
-- Fails with WRONGTYPE where a key holds something else than it is to hold.
--
-- KEYS   any.
-- ARGV   the type of each, as TYPE says it.
-- Returns how many were looked at.
-- include: wrongtype
return wrongType(KEYS, ARGV, 1) or #KEYS
