#!lua
-- Leases queued tasks, in the order of src/store/serving-order.ts, up to the first whose row is missing; fails with DAMAGED
-- where that is the first of all.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the latest claims of the holder: LIST of, by turns, the token of a claim and
--        the ids that it got, divided by spaces; the latest claim first.
-- ARGV   1 look at the server, 2 node, 3 token, 4 channels, 5 other nodes live, 6 shard,
--        7 holder, 8 worker (JSON texts), 9 lease in ms, 10 the most slots in all, 11 ms to age by one priority or '',
--        then the queues, each a JSON text, the most tasks to take of it, the slots of each task, and the lane.
-- Returns now, epoch, id and row of each task by turns, the asked queues that have nothing more to claim,
--        and the ids of the tasks whose jobs other nodes follow, each with a list of those.
--        A token that has claimed before gets what it claimed, as far as that has not moved since.
-- include: whole
-- include: time
-- include: task
-- include: hint
local CLAIM = KEYS[9]
local holder, worker, leaseMs, limit, ageMs = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local FIRST, WIDTH = 12, 4
-- More than a holder has under way at once, and longer than a call is sent again.
local CLAIMS_KEPT, KEPT_MS = 16, 60000

-- The members of a queue whose rank is not below the digit, first to be claimed first.
local function waiting(queue, digit, count)
  if count <= 0 then return {} end
  local low = '[q' .. queue .. '\0' .. digit
  return redis.call('ZRANGEBYLEX', QUEUE, low, '(q' .. queue .. '\1', 'LIMIT', 0, count)
end

-- The tasks that wait in a queue: rank digit -> { rank = …, id = … }, of each digit the first ones.
local function waitingByDigit(queue, count)
  local found, digit = {}, 0
  while count > 0 and digit <= 9 do
    local members = waiting(queue, digit, count)
    if #members == 0 then break end
    local first
    for _, member in ipairs(members) do
      local rank, id = string.match(member, '^[^%z]*%z(%d+)%z(.*)$')
      local own = tonumber(string.sub(rank, 1, 1))
      first = first or own
      if own ~= first and #members == count then break end
      found[own] = found[own] or { next = 1 }
      table.insert(found[own], { rank = rank, id = id })
    end
    if #members < count then break end
    digit = first + 1
  end
  return found
end

-- Ids and rows by turns, and of each id the job.
local rows, jobs = {}, {}
local function answer(id, task, row)
  rows[#rows + 1] = id
  rows[#rows + 1] = row
  jobs[#jobs + 1] = string.sub(id, 1, task.jobBytes)
end

-- Tokens stand at even places, and no id looks like one.
local mine = redis.call('LPOS', CLAIM, token)
if mine then
  for id in string.gmatch(redis.call('LINDEX', CLAIM, mine + 1), '%S+') do
    local task = readTask(id)
    if task and task.state == 'l' and task.token == token then answer(id, task, redis.call('HGET', TASK, id)) end
  end
  touchMeta()
else
  local queues, turns = {}, {}
  for i = FIRST, #ARGV, WIDTH do
    local most, lane = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 3])
    queues[#queues + 1] = {
      left = most, slots = tonumber(ARGV[i + 2]), lane = lane,
      waiting = waitingByDigit(ARGV[i], math.min(limit, most))
    }
    turns[lane] = 0
  end

  -- false where there is no row.
  local tasks = {}
  local function find(id)
    if tasks[id] == nil then tasks[id] = readTask(id) or false end
    return tasks[id]
  end

  -- The next of each queue and priority: digit -> list of { queue = …, head = … }; and how many digits there are.
  local function headsByDigit()
    local heads, count = {}, 0
    for _, queue in ipairs(queues) do
      if queue.left > 0 and queue.slots <= limit then
        for digit, list in pairs(queue.waiting) do
          if list[list.next] then
            if not heads[digit] then heads[digit], count = {}, count + 1 end
            table.insert(heads[digit], { queue = queue, head = list[list.next] })
          end
        end
      end
    end
    return heads, count
  end

  -- The digit whose longest waiting task is the most urgent; the lower one where two are equal.
  local function mostUrgent(heads, count)
    local best, bestUrgency
    for digit = 0, 9 do
      if heads[digit] then
        local urgency = 9 - digit
        if ageMs and count > 1 then
          local oldest = math.huge
          for _, one in ipairs(heads[digit]) do
            local task = find(one.head.id)
            if task then oldest = math.min(oldest, tonumber(task.created)) end
          end
          -- Of what has no row only the priority is known.
          if oldest < math.huge then urgency = urgency + math.floor((now - oldest) / ageMs) end
        end
        if not best or urgency > bestUrgency then best, bestUrgency = digit, urgency end
      end
    end
    return best
  end

  startGathering()
  local claimed, missing = {}, nil
  while limit > 0 do
    local heads, count = headsByDigit()
    local digit = mostUrgent(heads, count)
    if not digit then break end
    local chosen
    for _, one in ipairs(heads[digit]) do
      local turn, lane = turns[one.queue.lane], one.queue.lane
      one.turn, one.lane = turn, lane
      if not chosen or turn < chosen.turn or (turn == chosen.turn and (lane < chosen.lane
        or (lane == chosen.lane and one.head.rank < chosen.head.rank))) then chosen = one end
    end
    local id, queue = chosen.head.id, chosen.queue
    local task = find(id)
    if not task then
      missing = id
      break
    end
    if mayRun(task) then
      unindexTask(id, task)
      leaseTask(task, holder, worker, leaseMs)
      indexTask(id, task)
      answer(id, task, writeTask(id, task))
      claimed[#claimed + 1] = id
      queue.waiting[digit].next = queue.waiting[digit].next + 1
      queue.left, limit = queue.left - 1, limit - queue.slots
      turns[queue.lane] = turns[queue.lane] + 1
    else
      queue.left = 0
    end
  end
  -- What was claimed before it is whole; the next claim finds it first.
  if missing and #claimed == 0 then return damaged('task ' .. missing .. ' is queued, and its row is missing') end
  if #claimed > 0 then
    writeGathered()
    redis.call('LPUSH', CLAIM, table.concat(claimed, ' '), token)
    redis.call('LTRIM', CLAIM, 0, 2 * CLAIMS_KEPT - 1)
    redis.call('PEXPIRE', CLAIM, KEPT_MS)
    saveMeta()
  end
end

local followed = {}
for i, followers in ipairs(followersOfAll(jobs)) do
  if #followers > 0 then
    followed[#followed + 1] = rows[2 * i - 1]
    followed[#followed + 1] = followers
  end
end

local drained = {}
for i = FIRST, #ARGV, WIDTH do
  if #waiting(ARGV[i], '', 1) == 0 then drained[#drained + 1] = ARGV[i] end
end
return { now, epoch, rows, drained, followed }
