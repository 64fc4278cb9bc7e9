-- Counts and walks over the groups of a ZSET whose members are <group> \0 <rest>, all at the same score.

-- Call `visit(group, low, high)` for each group that begins with `beginning`, in order: low and high are the ends of
-- its members for ZRANGEBYLEX. `parts` says how many \0 there are within a group. A visit that returns false ends it.
local function eachGroup(key, beginning, parts, visit)
  local pattern = '^(' .. string.rep('[^%z]*%z', parts) .. '[^%z]*)%z'
  local from = '[' .. beginning
  while true do
    local first = redis.call('ZRANGEBYLEX', key, from, '+', 'LIMIT', 0, 1)[1]
    if not first or string.sub(first, 1, #beginning) ~= beginning then return end
    local group = string.match(first, pattern)
    from = '(' .. group .. '\1'
    if visit(group, '[' .. group .. '\0', from) == false then return end
  end
end
