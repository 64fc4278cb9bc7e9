#!lua flags=allow-oom
-- Tells time and epoch of a shard, and begins its first epoch where it has none. Fails with WRONGTYPE where one of the
-- keys holds something else: a script that found out by writing would leave half of its work behind.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server.
-- Returns now, epoch.
local types = { 'hash', 'zset', 'hash', 'zset', 'zset', 'zset', 'hash', 'hash' }
for i, expected in ipairs(types) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found .. ', not a ' .. expected)
  end
end
-- include: time
if not stored[1] then saveMeta() end
return { now, epoch }
