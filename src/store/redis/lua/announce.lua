#!lua flags=allow-oom
-- Says that a node lives, and forgets those that have not been heard of for as long as they asked.
--
-- KEYS   1 meta of the system, 2 nodes: HASH node -> <until> \n <what it says of itself, as JSON>.
-- ARGV   1 look at the server, 2 node, 3 time to live in ms, 4 what it says of itself, as JSON.
-- Returns now, epoch, how many shards there are, and node and JSON of each that lives, by turns.
-- include: time
local NODES = KEYS[2]
redis.call('HSET', NODES, ARGV[2], text(now + ARGV[3]) .. '\n' .. ARGV[4])
local living, all = {}, redis.call('HGETALL', NODES)
for i = 1, #all, 2 do
  local till, about = string.match(all[i + 1], '^(%S+)\n(.*)$')
  if tonumber(till) > now then
    living[#living + 1] = all[i]
    living[#living + 1] = about
  else
    redis.call('HDEL', NODES, all[i])
  end
end
return { now, epoch, tonumber(redis.call('HGET', META, 'shards')), living }
