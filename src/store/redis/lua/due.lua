#!lua flags=allow-oom
-- What has come due in a shard, earliest first. Delayed tasks among it are queued; all else stays due. Fails with DAMAGED,
-- and moves nothing, where the row of a task or message is missing.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 the most things to take.
-- Returns now, epoch, the things that are due, the queues in which tasks can be claimed, and the time of what comes due
--        next, or ''. A thing is its kind with its ids, its time, and the row of its task or message, or ''.
-- include: whole
-- include: time
-- include: task
-- include: group
local MESSAGE = KEYS[7]
local limit = tonumber(ARGV[4])

local entries = redis.call('ZRANGE', DUE, 0, limit, 'WITHSCORES')
local due, taken, moved = {}, {}, false
for i = 1, #entries, 2 do
  if #taken == limit or tonumber(entries[i + 1]) > now then break end
  taken[#taken + 1] = entries[i]
  taken[entries[i]] = true
end
-- Of each thing the row of its task or message, '' where it has none; all of them before the first is moved.
local rows = {}
for i, member in ipairs(taken) do
  local kind, id = string.sub(member, 1, 1), string.sub(member, 2)
  if kind == 'd' or kind == 'l' or kind == 'q' then
    rows[i] = redis.call('HGET', TASK, id)
  elseif kind == 'm' then
    rows[i] = redis.call('HGET', MESSAGE, id)
  else
    rows[i] = ''
  end
  if not rows[i] then return damaged(member .. ' is due, and its row is missing') end
end
startGathering()
for i, member in ipairs(taken) do
  local kind, id = string.sub(member, 1, 1), string.sub(member, 2)
  if kind == 'd' then
    local task = readTask(id)
    unindexTask(id, task)
    task.state, task.since, task.till = 'q', nowText, '0'
    indexTask(id, task)
    writeTask(id, task)
    moved = true
  else
    due[#due + 1] = member
    due[#due + 1] = entries[2 * i]
    due[#due + 1] = rows[i]
  end
end
if moved then
  writeGathered()
  saveMeta()
  entries = redis.call('ZRANGE', DUE, 0, #taken, 'WITHSCORES')
end

local coming = ''
for i = 1, #entries, 2 do
  if not taken[entries[i]] then
    coming = entries[i + 1]
    break
  end
end
local queues = {}
eachGroup(QUEUE, 'q', 0, function(group) queues[#queues + 1] = string.sub(group, 2) end)
return { now, epoch, due, queues, coming }
