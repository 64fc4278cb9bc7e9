#!lua flags=allow-oom
-- Forgets which jobs of a shard are followed by nodes that are gone, some rows at a time.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 the cursor that the call before returned, or 0, then the nodes.
-- Returns now, epoch, the cursor to go on with; 0 where it is done.
-- include: whole
-- include: time
local FOLLOW = KEYS[8]
local SCANNED_AT_ONCE = 1000
local gone = {}
for i = 5, #ARGV do gone[ARGV[i]] = true end
local page = redis.call('HSCAN', FOLLOW, ARGV[4], 'COUNT', SCANNED_AT_ONCE)
for i = 1, #page[2], 2 do
  local others, found = {}, false
  for follower in string.gmatch(page[2][i + 1], '%S+') do
    if gone[follower] then found = true else others[#others + 1] = follower end
  end
  if found and #others > 0 then
    redis.call('HSET', FOLLOW, page[2][i], table.concat(others, ' '))
  elseif found then
    redis.call('HDEL', FOLLOW, page[2][i])
  end
end
return { now, epoch, page[1] }
