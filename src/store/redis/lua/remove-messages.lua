#!lua flags=allow-oom
-- Forgets messages that have arrived.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), then the ids.
-- Returns now, epoch.
-- include: whole
-- include: time
for i = 4, #ARGV do
  redis.call('HDEL', KEYS[7], ARGV[i])
  redis.call('ZREM', KEYS[6], 'm' .. ARGV[i])
end
return { now, epoch }
