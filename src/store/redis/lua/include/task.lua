-- Tasks: their rows, and where they are listed. Needs include/time.lua.
--
-- Takes:  KEYS[3] task: HASH id -> row. KEYS[5] queue: ZSET of 'q' or 'w' <queue> \0 <rank> \0 <id>, for tasks that can
--         be claimed and tasks that are delayed, and of 'r' <key> \0 <id>, for tasks with a key that are leased.
--         KEYS[6] due: ZSET by time of <kind><ids>, kinds being d(elayed),
--         l(ease), m(essage), o(utlived), q(ueued) and t(imer). ARGV[2] the node that calls; ARGV[3] the call's token.
-- Leaves: TASK, QUEUE, DUE, node, token, BATCH, callWith, write, startGathering, writeGathered, readTask,
--         readTaskUpToKey, readTasksUpToKey, writeTask, overdueAt, mayRun, unindexTask, indexTask, leaseTask.
--
-- Ten calls of Redis cost ten times as much as one that does the same, in the append-only file too. So a script that is about
-- to write many tasks calls startGathering(); then writeGathered() before it reads QUEUE or DUE, and at the end, before saveMeta().
--
-- A row is eight lines. The first has words: state ('q'ueued, 'l'eased or 'd'elayed), rank (which sorts by priority and
-- then by age), attempt, settled, failures, created, since, until (of the lease or delay), lease start, queue timeout
-- or '-', bytes of the job's id, node of the lease or '-', token of the call that moved it last or '-', losses, total
-- timeout or '-', how many tasks of its key may run at once or '-'. Then come JSON texts that are never looked into:
-- queue, key or nothing, holder, worker, latest error, progress, and the task as it was added, which has one more line
-- where there is a checkpoint: the checkpoint. An unsettled attempt that is not leased any more keeps its holder.
local TASK, QUEUE, DUE = KEYS[3], KEYS[5], KEYS[6]
local node, token = ARGV[2], ARGV[3]

-- Lua makes a text of its own of everything that a pattern captures, and hashes each of its bytes.
local UP_TO_KEY = '^(%a) (%d+) (%d+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (%d+) (%S+) (%S+) (%d+) (%S+) (%S+)\n'
  .. '([^\n]*)\n([^\n]*)\n'
local WHOLE = UP_TO_KEY .. '([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$'

-- Lua passes a few thousand arguments at most. Even, because some come in pairs.
local BATCH = 1000

-- Call Redis with arguments of any number, in several calls if it must be. Returns the sum of what the calls changed.
local function callWith(name, key, arguments)
  local changed = 0
  for i = 1, #arguments, BATCH do
    changed = changed + redis.call(name, key, unpack(arguments, i, math.min(#arguments, i + BATCH - 1)))
  end
  return changed
end

-- Of each command the arguments by key, from startGathering() on.
local gathered
-- Ids of the tasks whose rows and places are among them.
local unwritten = {}

-- Write, with one more argument or two: at once or, from then on, together with others.
local function write(name, key, first, second)
  if not gathered then
    if second then redis.call(name, key, first, second) else redis.call(name, key, first) end
    return
  end
  local arguments = gathered[name][key]
  if not arguments then
    arguments = {}
    gathered[name][key] = arguments
  end
  arguments[#arguments + 1] = first
  if second then arguments[#arguments + 1] = second end
end

local function startGathering()
  gathered = { HDEL = {}, ZREM = {}, HSET = {}, ZADD = {} }
end

-- Make the writes that have been gathered so far: what is to be taken out is taken out before anything is put in.
local function writeGathered()
  if not gathered then return end
  for _, name in ipairs({ 'HDEL', 'ZREM', 'HSET', 'ZADD' }) do
    for key, arguments in pairs(gathered[name]) do callWith(name, key, arguments) end
  end
  startGathering()
  unwritten = {}
end

local function parseTask(row, pattern)
  if not row then return nil end
  local task = {}
  task.state, task.rank, task.attempt, task.settled, task.failures, task.created, task.since, task.till,
    task.started, task.wait, task.jobBytes, task.node, task.token, task.losses, task.total, task.most,
    task.queue, task.key, task.holder, task.worker, task.error, task.progress, task.fixed = string.match(row, pattern)
  task.attempt, task.settled, task.failures = tonumber(task.attempt), tonumber(task.settled), tonumber(task.failures)
  task.losses = tonumber(task.losses)
  return task
end

-- The task as a table; nil where there is none.
local function readTask(id)
  if unwritten[id] then writeGathered() end
  return parseTask(redis.call('HGET', TASK, id), WHOLE)
end

-- The same without holder, worker, error, progress and what was added: enough to judge an attempt and to take it out of lists.
local function readTaskUpToKey(id)
  if unwritten[id] then writeGathered() end
  return parseTask(redis.call('HGET', TASK, id), UP_TO_KEY)
end

-- The same of several, by their ids; false where there is none.
local function readTasksUpToKey(ids)
  writeGathered()
  local tasks = {}
  for i = 1, #ids, BATCH do
    local last = math.min(#ids, i + BATCH - 1)
    local rows = redis.call('HMGET', TASK, unpack(ids, i, last))
    for k = i, last do tasks[ids[k]] = parseTask(rows[k - i + 1], UP_TO_KEY) or false end
  end
  return tasks
end

-- To write a number costs Lua as much as a call of Redis, and these are nearly always small.
local SMALL = { [0] = '0', '1', '2', '3' }
local function count(number)
  return SMALL[number] or text(number)
end

-- Write the row. Returns its text.
local function writeTask(id, task)
  local row = task.state .. ' ' .. task.rank .. ' ' .. count(task.attempt) .. ' ' .. count(task.settled) .. ' '
    .. count(task.failures) .. ' ' .. task.created .. ' ' .. task.since .. ' ' .. task.till .. ' ' .. task.started .. ' '
    .. task.wait .. ' ' .. task.jobBytes .. ' ' .. task.node .. ' ' .. task.token .. ' ' .. count(task.losses) .. ' '
    .. task.total .. ' ' .. task.most .. '\n' .. task.queue .. '\n' .. task.key .. '\n' .. task.holder .. '\n'
    .. task.worker .. '\n' .. task.error .. '\n' .. task.progress .. '\n' .. task.fixed
  write('HSET', TASK, id, row)
  unwritten[id] = true
  return row
end

local function place(id, task)
  return task.queue .. '\0' .. task.rank .. '\0' .. id
end

-- When a queued task has waited for longer than it may; nil where it may wait for ever.
local function overdueAt(task)
  local at = task.wait ~= '-' and task.since + task.wait or nil
  if task.total ~= '-' then at = math.min(at or math.huge, task.created + task.total) end
  return at
end

-- Whether fewer tasks with its key are leased than may be.
local function mayRun(task)
  if task.most == '-' then return true end
  writeGathered()
  return redis.call('ZLEXCOUNT', QUEUE, '[r' .. task.key .. '\0', '(r' .. task.key .. '\1') < tonumber(task.most)
end

-- Take a task out of the lists that its state has it in.
local function unindexTask(id, task)
  if unwritten[id] then writeGathered() end
  if task.state == 'l' then
    write('ZREM', DUE, 'l' .. id)
    if task.key ~= '' then write('ZREM', QUEUE, 'r' .. task.key .. '\0' .. id) end
  elseif task.state == 'd' then
    write('ZREM', QUEUE, 'w' .. place(id, task))
    write('ZREM', DUE, 'd' .. id)
  else
    write('ZREM', QUEUE, 'q' .. place(id, task))
    if overdueAt(task) then write('ZREM', DUE, 'q' .. id) end
  end
end

-- Put a task into the lists that its state belongs in.
local function indexTask(id, task)
  unwritten[id] = true
  if task.state == 'l' then
    write('ZADD', DUE, task.till, 'l' .. id)
    if task.key ~= '' then write('ZADD', QUEUE, 0, 'r' .. task.key .. '\0' .. id) end
  elseif task.state == 'd' then
    write('ZADD', QUEUE, 0, 'w' .. place(id, task))
    write('ZADD', DUE, task.till, 'd' .. id)
  else
    write('ZADD', QUEUE, 0, 'q' .. place(id, task))
    local overdue = overdueAt(task)
    if overdue then write('ZADD', DUE, text(overdue), 'q' .. id) end
  end
end

-- Make the next attempt of a task and lease it.
local function leaseTask(task, holder, worker, leaseMs)
  task.state, task.attempt, task.progress = 'l', task.attempt + 1, ''
  task.since, task.started, task.till = nowText, nowText, text(now + leaseMs)
  task.holder, task.worker, task.node, task.token = holder, worker, node, token
end
