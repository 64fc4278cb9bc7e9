#!lua
-- Gives an idempotency key to the first who claims it.
--
-- KEYS   1 the key, 2 ZSET of the keys of its space (src/store/redis/keys.ts).
-- ARGV   1 job id, 2 the key as it is kept, 3 now, 4 until when it is to be kept at least, 5 the job that loses the key
--        because its time is over and it is not there any more, or ''. 6 how many others to name.
-- Returns the job id that has the key, '1' where its time is over, and keys of the space that are to be looked at.
local held = redis.call('GET', KEYS[1])
local over = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[3], 'BYSCORE', 'LIMIT', 0, ARGV[6])
local jobId = held and string.match(held, '^[^\n]*')
local isOver = held and (tonumber(string.match(held, '\n(.*)$')) or 0) <= tonumber(ARGV[3])
if not held or (isOver and jobId == ARGV[5]) then
  redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. ARGV[4])
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
  return { ARGV[1], '0', over }
end
-- Whoever waits for copies waits for those of the latest write of its connection: so this call is one, too.
redis.call('SET', KEYS[1], held)
return { jobId, isOver and '1' or '0', over }
