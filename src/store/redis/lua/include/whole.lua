-- Refuses a shard in which a key holds something else: a script that found that out by writing would leave half of its work.
--
-- Takes:  KEYS 1–8 as in src/store/redis/keys.ts.
-- Leaves: damaged (include/damage.lua).
for i, size in ipairs({ 'HLEN', 'ZCARD', 'HLEN', 'ZCARD', 'ZCARD', 'ZCARD', 'HLEN', 'HLEN' }) do
  if type(redis.pcall(size, KEYS[i])) ~= 'number' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' holds something else')
  end
end
-- include: damage
