#!lua flags=no-writes
-- Fails with WRONGTYPE where a key holds something else than it is to hold.
--
-- KEYS   any.
-- ARGV   the type of each, as TYPE says it.
-- Returns how many were looked at.
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= ARGV[i] then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. ARGV[i])
  end
end
return #KEYS
