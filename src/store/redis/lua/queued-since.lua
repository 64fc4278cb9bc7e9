#!lua flags=no-writes
-- When the first of the tasks was added that can be claimed from each queue. Fails with DAMAGED where its row is missing.
--
-- KEYS   1 queue, 2 task (include/task.lua).
-- Returns queue and time by turns.
-- include: group
-- include: damage
local QUEUE, TASK = KEYS[1], KEYS[2]
local since, missing = {}, nil
eachGroup(QUEUE, 'q', 0, function(group)
  local first, digit = nil, 0
  -- Within a priority, which is the first digit of the rank, who was added first comes first.
  while digit <= 9 do
    local low, high = '[' .. group .. '\0' .. digit, '(' .. group .. '\1'
    local member = redis.call('ZRANGEBYLEX', QUEUE, low, high, 'LIMIT', 0, 1)[1]
    if not member then break end
    local rank, id = string.match(member, '^[^%z]*%z(%d+)%z(.*)$')
    local row = redis.call('HGET', TASK, id)
    if not row then
      missing = id
      return false
    end
    local created = string.match(row, '^%a %d+ %d+ %d+ %d+ (%S+)')
    if not first or tonumber(created) < tonumber(first) then first = created end
    digit = tonumber(string.sub(rank, 1, 1)) + 1
  end
  since[#since + 1] = string.sub(group, 2)
  since[#since + 1] = first
end)
if missing then return damaged('task ' .. missing .. ' is queued, and its row is missing') end
return since
