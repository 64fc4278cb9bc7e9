#!lua
-- Applies one turn of a job: all of it, or nothing.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the job: LIST of its head and envelope, then one element for each revision.
-- ARGV   1 look at the server, 2 node, 3 token, 4 channels, 5 other nodes live, 6 shard,
--        7 job id, 8 epoch that the steps were given or '', 9 revision that was read, 10 new revision,
--        11 head: 'x' (ended) or 'o' (open), <place in the list without the job id>, \n, the rest of the summary as JSON,
--           \n, envelope,
--        12 '1' where this node follows the job, 13 the hint that it moved,
--        14 n; n history entries, each <token or nothing> \n <JSON>;
--        then ops, each a letter and its arguments:
--          a task id, rank digit, queue timeout or '-', queue, task as JSON, holder or '', worker, lease in ms,
--            total timeout or '-', key or '', how many tasks of the key may run at once or '-'
--          f task id, attempt, lapsed ('1')        r task id, the id as JSON, reason as JSON
--          s timer id, due     c timer id          m message id, message as JSON, due     k due     n
--        The queue, holder, worker and key are JSON texts.
-- Returns now, epoch, then one of
--        'committed', ids of leased tasks, other followers   (also where this very token has been applied before)
--        'conflict', stored revision
--        'fenced', task id
-- include: whole
-- include: time
-- include: task
-- include: attempt
-- include: hint
local LIST, OPEN, MESSAGE, JOB = KEYS[2], KEYS[4], KEYS[7], KEYS[9]
local jobId, head = ARGV[7], ARGV[11]
local expected, revision = tonumber(ARGV[9]), tonumber(ARGV[10])
local opsFrom = 15 + ARGV[14]
-- The arguments of two ops at most.
local FEW = 24
local width = { a = 12, f = 4, r = 4, s = 3, c = 2, m = 4, k = 2, n = 1 }

local length = redis.call('LLEN', JOB)
local current = length > 0 and length - 1 or 0

if current >= revision then
  local entry = redis.call('LINDEX', JOB, revision)
  if string.sub(entry, 1, #token + 1) == token .. '\n' then
    local leased = {}
    local i = opsFrom
    while ARGV[i] do
      if ARGV[i] == 'a' and ARGV[i + 6] ~= '' then
        local task = readTaskUpToKey(ARGV[i + 1])
        if task and task.state == 'l' and task.token == token then leased[#leased + 1] = ARGV[i + 1] end
      end
      i = i + width[ARGV[i]]
    end
    touchMeta()
    return { now, epoch, 'committed', leased, (followersOf(jobId)) }
  end
end
if current ~= expected or (ARGV[8] ~= '' and ARGV[8] ~= epoch) then
  touchMeta()
  return { now, epoch, 'conflict', current }
end

-- Tasks as they are in the course of the turn; false where there is none.
local tasks = {}
local function find(id)
  if tasks[id] == nil then tasks[id] = readTaskUpToKey(id) or false end
  return tasks[id]
end

-- What many ops need is read and written at once; for one or two that would cost more than it saves.
local hasMany = #ARGV - opsFrom >= FEW
local opening = {}
if hasMany then
  local takenAway = {}
  local i = opsFrom
  while ARGV[i] do
    local op, id = ARGV[i], ARGV[i + 1]
    if op == 'f' or op == 'r' then
      takenAway[#takenAway + 1] = id
    elseif op == 'a' then
      opening[#opening + 1] = 0
      opening[#opening + 1] = id
    end
    i = i + width[op]
  end
  tasks = readTasksUpToKey(takenAway)
end

local i = opsFrom
while ARGV[i] do
  if ARGV[i] == 'f' and not isCurrent(find(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]) then
    touchMeta()
    return { now, epoch, 'fenced', ARGV[i + 1] }
  end
  i = i + width[ARGV[i]]
end

-- From here on everything is written.
if hasMany then startGathering() end
local allNew = hasMany and callWith('ZADD', OPEN, opening) == #opening / 2
local place = string.match(head, '^.([^\n]*)')
-- A turn takes many messages, each with up to a thousand steps: more entries than Lua passes at once.
local firstTo = math.min(14 + BATCH, opsFrom - 1)
if current == 0 then
  redis.call('RPUSH', JOB, head, unpack(ARGV, 15, firstTo))
  redis.call('ZADD', LIST, 0, place .. jobId)
else
  local before = string.match(redis.call('LINDEX', JOB, 0), '^.([^\n]*)')
  redis.call('LSET', JOB, 0, head)
  redis.call('RPUSH', JOB, unpack(ARGV, 15, firstTo))
  if before ~= place then
    redis.call('ZREM', LIST, before .. jobId)
    redis.call('ZADD', LIST, 0, place .. jobId)
  end
end
for i = firstTo + 1, opsFrom - 1, BATCH do
  redis.call('RPUSH', JOB, unpack(ARGV, i, math.min(i + BATCH, opsFrom) - 1))
end

local leased, queued = {}, {}

-- Queue -> whether nothing waits in it, as far as that is known.
local idle = {}
local function isIdle(queue)
  if idle[queue] == nil then
    writeGathered()
    idle[queue] = #redis.call('ZRANGEBYLEX', QUEUE, '[q' .. queue .. '\0', '(q' .. queue .. '\1', 'LIMIT', 0, 1) == 0
  end
  return idle[queue]
end

local function addTask(id, rankDigit, wait, queue, fixed, holder, worker, leaseMs, total, key, most)
  local isTaken = holder ~= '' and isIdle(queue) and mayRun({ key = key, most = most })
  if not allNew then
    -- It may have been taken away in this turn.
    writeGathered()
    local before = redis.call('ZADD', OPEN, 0, id) == 0 and find(id)
    if before then
      unindexTask(id, before)
      idle[before.queue] = nil
    end
  end
  sequence = sequence + 1
  local task = {
    state = 'q', rank = rankDigit .. string.format('%012.0f', sequence), attempt = 0, settled = 0, failures = 0,
    created = nowText, since = nowText, till = '0', started = '0', wait = wait, jobBytes = #jobId, node = '-',
    token = '-', losses = 0, total = total, most = most, queue = queue, key = key, holder = '', worker = '',
    error = '', progress = '', fixed = fixed
  }
  if isTaken then
    leaseTask(task, holder, worker, leaseMs)
    leased[#leased + 1] = id
  else
    queued[#queued + 1] = queue
    idle[queue] = false
  end
  tasks[id] = task
  indexTask(id, task)
  writeTask(id, task)
end

local function removeTask(id)
  local task = find(id)
  tasks[id] = false
  if not task then return nil end
  unindexTask(id, task)
  write('HDEL', TASK, id)
  write('ZREM', OPEN, id)
  if task.state == 'q' then idle[task.queue] = nil end
  return task
end

i = opsFrom
while ARGV[i] do
  local op, id = ARGV[i], ARGV[i + 1]
  if op == 'a' then
    addTask(id, unpack(ARGV, i + 2, i + 11))
  elseif op == 'f' then
    removeTask(id)
  elseif op == 'r' then
    local task = removeTask(id)
    if task and task.state == 'l' then
      tell(task.node, '{"kind":"stop","taskId":' .. ARGV[i + 2] .. ',"attempt":' .. task.attempt
        .. ',"reason":' .. ARGV[i + 3] .. '}')
    end
  elseif op == 's' then
    redis.call('ZADD', DUE, ARGV[i + 2], 't' .. jobId .. '\0' .. id)
  elseif op == 'c' then
    redis.call('ZREM', DUE, 't' .. jobId .. '\0' .. id)
  elseif op == 'm' then
    redis.call('HSET', MESSAGE, id, '0 -\n' .. ARGV[i + 2])
    redis.call('ZADD', DUE, ARGV[i + 3], 'm' .. id)
  elseif op == 'k' then
    redis.call('ZADD', DUE, id, 'o' .. jobId)
  else
    redis.call('ZREM', DUE, 'o' .. jobId)
  end
  i = i + width[op]
end
writeGathered()
saveMeta()

local followers, isFollowed = followersOf(jobId)
if string.sub(head, 1, 1) == 'x' then
  if isFollowed then redis.call('HDEL', FOLLOW, jobId) end
elseif ARGV[12] == '1' then
  redis.call('HSET', FOLLOW, jobId, table.concat(followers, ' ') .. ' ' .. node)
end
for _, follower in ipairs(followers) do tell(follower, ARGV[13]) end
local named, names = {}, {}
for _, queue in ipairs(queued) do
  if not named[queue] then named[queue], names[#names + 1] = true, queue end
end
tellQueued(ARGV[6], names)
return { now, epoch, 'committed', leased, followers }
