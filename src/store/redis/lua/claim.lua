#!lua
-- Leases queued tasks: of all the asked queues by rank, which is priority and then age.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the latest claims of the holder, one on each line: <token> <id> <id> …
-- ARGV   1 look at the server, 2 node, 3 token, 4 channels, 5 other nodes live, 6 shard,
--        7 holder, 8 worker (JSON texts), 9 lease in ms, 10 the most tasks in all,
--        then the queues, each a JSON text and the most tasks to take of it.
-- Returns now, epoch, id and row of each task by turns, the asked queues that have nothing more to claim,
--        and the ids of the tasks whose jobs other nodes follow, each with a list of those.
--        A token that has claimed before gets what it claimed, as far as that has not moved since.
-- include: time
-- include: task
-- include: hint
local CLAIM = KEYS[9]
local holder, worker, leaseMs, limit = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
-- More than a holder has under way at once, and longer than a call is sent again.
local CLAIMS_KEPT, KEPT_MS = 16, 60000

local function waiting(queue, count)
  if count <= 0 then return {} end
  return redis.call('ZRANGEBYLEX', QUEUE, '[q' .. queue .. '\0', '(q' .. queue .. '\1', 'LIMIT', 0, count)
end

local rows, followed = {}, {}
local function answer(id, task, row)
  rows[#rows + 1] = id
  rows[#rows + 1] = row
  local followers = followersOf(string.sub(id, 1, task.jobBytes))
  if #followers > 0 then
    followed[#followed + 1] = id
    followed[#followed + 1] = followers
  end
end

local earlier = redis.call('GET', CLAIM) or ''
local mine
local lines = {}
for line in string.gmatch(earlier, '[^\n]+') do
  if string.match(line, '^%S+') == token then mine = line end
  if #lines < CLAIMS_KEPT - 1 then lines[#lines + 1] = line end
end

if mine then
  for id in string.gmatch(string.sub(mine, #token + 1), '%S+') do
    local task = readTask(id)
    if task and task.state == 'l' and task.token == token then answer(id, task, redis.call('HGET', TASK, id)) end
  end
  saveMeta()
else
  local candidates = {}
  for i = 11, #ARGV, 2 do
    for _, member in ipairs(waiting(ARGV[i], math.min(limit, tonumber(ARGV[i + 1])))) do
      local rank, id = string.match(member, '^[^%z]*%z(%d+)%z(.*)$')
      candidates[#candidates + 1] = { rank = rank, id = id, member = member }
    end
  end
  table.sort(candidates, function(a, b) return a.rank < b.rank end)
  local claimed = { token }
  for i = 1, math.min(limit, #candidates) do
    local id = candidates[i].id
    local task = readTask(id)
    unindexTask(id, task)
    leaseTask(task, holder, worker, leaseMs)
    indexTask(id, task)
    answer(id, task, writeTask(id, task))
    claimed[#claimed + 1] = id
  end
  if #claimed > 1 then
    table.insert(lines, 1, table.concat(claimed, ' '))
    redis.call('SET', CLAIM, table.concat(lines, '\n'), 'PX', KEPT_MS)
    saveMeta()
  end
end

local drained = {}
for i = 11, #ARGV, 2 do
  if #waiting(ARGV[i], 1) == 0 then drained[#drained + 1] = ARGV[i] end
end
return { now, epoch, rows, drained, followed }
