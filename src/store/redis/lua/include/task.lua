-- Tasks: their rows, and where they are listed. Needs include/time.lua.
--
-- Takes:  KEYS[3] task: HASH id -> row. KEYS[5] queue: ZSET of 'q' or 'w' <queue> \0 <rank> \0 <id>, for tasks that can
--         be claimed and tasks that are delayed, and of 'r' <key> \0 <id>, for tasks with a key that are leased.
--         KEYS[6] due: ZSET by time of <kind><ids>, kinds being d(elayed),
--         l(ease), m(essage), o(utlived), q(ueued) and t(imer). ARGV[2] the node that calls; ARGV[3] the call's token.
-- Leaves: TASK, QUEUE, DUE, node, token, readTask, readTaskUpToKey, writeTask, overdueAt, mayRun, unindexTask, indexTask,
--         leaseTask.
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

local function readRow(id, pattern)
  local row = redis.call('HGET', TASK, id)
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
  return readRow(id, WHOLE)
end

-- The same without holder, worker, error, progress and what was added: enough to judge an attempt and to take it out of lists.
local function readTaskUpToKey(id)
  return readRow(id, UP_TO_KEY)
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
  redis.call('HSET', TASK, id, row)
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
  return redis.call('ZLEXCOUNT', QUEUE, '[r' .. task.key .. '\0', '(r' .. task.key .. '\1') < tonumber(task.most)
end

-- Take a task out of the lists that its state has it in.
local function unindexTask(id, task)
  if task.state == 'l' then
    redis.call('ZREM', DUE, 'l' .. id)
    if task.key ~= '' then redis.call('ZREM', QUEUE, 'r' .. task.key .. '\0' .. id) end
  elseif task.state == 'd' then
    redis.call('ZREM', QUEUE, 'w' .. place(id, task))
    redis.call('ZREM', DUE, 'd' .. id)
  else
    redis.call('ZREM', QUEUE, 'q' .. place(id, task))
    if overdueAt(task) then redis.call('ZREM', DUE, 'q' .. id) end
  end
end

-- Put a task into the lists that its state belongs in.
local function indexTask(id, task)
  if task.state == 'l' then
    redis.call('ZADD', DUE, task.till, 'l' .. id)
    if task.key ~= '' then redis.call('ZADD', QUEUE, 0, 'r' .. task.key .. '\0' .. id) end
  elseif task.state == 'd' then
    redis.call('ZADD', QUEUE, 0, 'w' .. place(id, task))
    redis.call('ZADD', DUE, task.till, 'd' .. id)
  else
    redis.call('ZADD', QUEUE, 0, 'q' .. place(id, task))
    local overdue = overdueAt(task)
    if overdue then redis.call('ZADD', DUE, text(overdue), 'q' .. id) end
  end
end

-- Make the next attempt of a task and lease it.
local function leaseTask(task, holder, worker, leaseMs)
  task.state, task.attempt, task.progress = 'l', task.attempt + 1, ''
  task.since, task.started, task.till = nowText, nowText, text(now + leaseMs)
  task.holder, task.worker, task.node, task.token = holder, worker, node, token
end
