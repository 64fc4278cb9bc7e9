#!lua
-- Notes whether tasks of a type may begin.
--
-- KEYS   1 paused: SET of types.
-- ARGV   1 type, 2 '1' where they may not.
-- Returns 1.
if ARGV[2] == '1' then
  redis.call('SADD', KEYS[1], ARGV[1])
else
  redis.call('SREM', KEYS[1], ARGV[1])
end
return 1
