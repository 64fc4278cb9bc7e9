#!lua flags=allow-oom
-- Says that a node lives, and names those that live and those that are gone.
--
-- KEYS   1 meta of the system, 2 nodes: HASH node -> <until> \n <what it says of itself, as JSON>; until is 0 where it
--        has left.
-- ARGV   1 look at the server, 2 node, 3 time to live in ms, 4 what it says of itself, as JSON.
-- Returns now, epoch, how many shards there are, node and JSON of each that lives, by turns, and the nodes that have left
--        or have not been heard of for an hour beyond what they asked for: whoever hears it forgets what they follow, and
--        then them. One that is merely slow follows what it did when it is back.
-- include: time
local NODES = KEYS[2]
local GONE_AFTER_MS = 3600000
redis.call('HSET', NODES, ARGV[2], text(now + ARGV[3]) .. '\n' .. ARGV[4])
local living, gone, all = {}, {}, redis.call('HGETALL', NODES)
for i = 1, #all, 2 do
  local till, about = string.match(all[i + 1], '^(%S+)\n(.*)$')
  if tonumber(till) > now then
    living[#living + 1] = all[i]
    living[#living + 1] = about
  elseif tonumber(till) + GONE_AFTER_MS <= now then
    gone[#gone + 1] = all[i]
  end
end
return { now, epoch, tonumber(redis.call('HGET', META, 'shards')), living, gone }
