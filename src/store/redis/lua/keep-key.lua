#!lua flags=allow-oom
-- Forgets an idempotency key whose time is over, or puts off to look at it.
--
-- KEYS   1 the key, 2 ZSET of the keys of its space (src/store/redis/keys.ts).
-- ARGV   1 the key as it is kept, 2 the text that it must have, or '' for none, 3 when to look again, or '' to forget it.
-- Returns 1 where it was done, 0 where somebody has claimed the key meanwhile.
local held = redis.call('GET', KEYS[1]) or ''
redis.call('ZCARD', KEYS[2])
if held ~= ARGV[2] then return 0 end
if held ~= '' and ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 1
