#!lua flags=allow-oom
-- Tells time and epoch of a shard, and begins its first epoch where it has none.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server.
-- Returns now, epoch.
-- include: whole
-- include: time
if not stored[1] then saveMeta() end
return { now, epoch }
