#!lua flags=no-writes
-- Where the newest jobs of a shard are: those of the asked blueprint and status, newest first.
--
-- KEYS   1–8 as in src/store/redis/keys.ts. 2 is list: ZSET of <blueprint> \0 <status> \0 <created> \0 <job id>.
-- ARGV   1 blueprint as JSON or '', 2 status or '', 3 the most jobs, 4 <created> \0 <job id> that the list goes on
--        behind, or ''.
-- Returns <created> \0 <job id> of each.
-- include: group
local status, limit = ARGV[2], tonumber(ARGV[3])
local found = {}
local beginning = ARGV[1] == '' and '' or ARGV[1] .. '\0'
eachGroup(KEYS[2], beginning, 1, function(group, low, high)
  if status ~= '' and string.match(group, '%z(.*)$') ~= status then return end
  if ARGV[4] ~= '' then high = '(' .. group .. '\0' .. ARGV[4] end
  for _, member in ipairs(redis.call('ZREVRANGEBYLEX', KEYS[2], high, low, 'LIMIT', 0, limit)) do
    found[#found + 1] = string.sub(member, #group + 2)
  end
end)
table.sort(found, function(a, b) return a > b end)
local page = {}
for i = 1, math.min(limit, #found) do page[i] = found[i] end
return page
