-- Refuses a shard in which a key holds something else: a script that found that out by writing would leave half of its work.
--
-- Takes:  KEYS 1–8 as in src/store/redis/keys.ts.
-- Leaves: damaged (include/damage.lua).
--
-- Written out, these reads cost 2 µs; as a loop of protected ones they would cost 7 µs, a tenth of a commit.
local function readAll()
  redis.call('HLEN', KEYS[1])
  redis.call('ZCARD', KEYS[2])
  redis.call('HLEN', KEYS[3])
  redis.call('ZCARD', KEYS[4])
  redis.call('ZCARD', KEYS[5])
  redis.call('ZCARD', KEYS[6])
  redis.call('HLEN', KEYS[7])
  redis.call('HLEN', KEYS[8])
end
if not pcall(readAll) then
  local types = { 'hash', 'zset', 'hash', 'zset', 'zset', 'zset', 'hash', 'hash' }
  for i, expected in ipairs(types) do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= expected then
      return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found .. ', not a ' .. expected)
    end
  end
end
-- include: damage
