#!lua
-- Gives a message another due time.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token, 4 message id, 5 due time that it must have, or '' for any, 6 the new
--        one, 7 '1' to count a try.
-- Returns now, epoch, 1 where it was done (also by this very token before), or 0.
-- include: whole
-- include: time
local DUE, MESSAGE = KEYS[6], KEYS[7]
local id = ARGV[4]

local row = redis.call('HGET', MESSAGE, id)
if not row then return { now, epoch, 0 } end
local tries, last, message = string.match(row, '^(%d+) (%S+)\n(.*)$')
if last == ARGV[3] then
  touchMeta()
  return { now, epoch, 1 }
end
if ARGV[5] ~= '' and tonumber(ARGV[5]) ~= tonumber(redis.call('ZSCORE', DUE, 'm' .. id)) then
  return { now, epoch, 0 }
end
if ARGV[7] == '1' then tries = tries + 1 end
redis.call('HSET', MESSAGE, id, tries .. ' ' .. ARGV[3] .. '\n' .. message)
redis.call('ZADD', DUE, ARGV[6], 'm' .. id)
saveMeta()
return { now, epoch, 1 }
