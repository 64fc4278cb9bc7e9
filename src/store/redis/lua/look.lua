#!lua flags=allow-oom
-- Tells time and epoch of a shard, and begins its first epoch where it has none. Fails with WRONGTYPE where one of the
-- keys holds something else: a script that found out by writing would leave half of its work behind.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2–9 the type of each key, as TYPE says it.
-- Returns now, epoch.
-- include: wrongtype
local wrong = wrongType(KEYS, ARGV, 2)
if wrong then return wrong end
-- include: time
if not stored[1] then saveMeta() end
return { now, epoch }
