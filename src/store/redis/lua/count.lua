#!lua flags=no-writes
-- How many members each group of a ZSET has (include/group.lua).
--
-- KEYS   1 the ZSET.
-- ARGV   1 how many \0 there are within a group.
-- Returns group and count by turns.
-- include: group
local counts = {}
eachGroup(KEYS[1], '', tonumber(ARGV[1]), function(group, low, high)
  counts[#counts + 1] = group
  counts[#counts + 1] = redis.call('ZLEXCOUNT', KEYS[1], low, high)
end)
return counts
