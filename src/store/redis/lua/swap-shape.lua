#!lua
-- Puts the row of a version in place of the one that is thought to be kept. Sent again, it answers the same and changes
-- nothing, unless somebody has put the old row back meanwhile: then it takes its place again.
--
-- KEYS   1 shapes: HASH version -> row.
-- ARGV   1 version, 2 the row that should be there, 3 the one to put there; '' for none.
-- Returns the row that is there now, '' where there is none.
local kept = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if kept ~= ARGV[2] then
  -- Written again, because Valkey lets nobody wait for copies who has not written over the same connection.
  if kept ~= '' then redis.call('HSET', KEYS[1], ARGV[1], kept) end
  return kept
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return ARGV[3]
