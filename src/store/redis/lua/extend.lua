#!lua
-- Extends leases, or takes them up again where they had run out and nobody else got the task.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused),
--        then for each extension: task id, attempt, holder, worker (JSON texts), lease in ms, progress as JSON or ''.
-- Returns now, epoch, and for each extension 'kept', 'fenced' or 'unknown'.
-- include: time
-- include: task
-- include: attempt
local function extend(id, attempt, holder, worker, leaseMs, progress)
  local task = readTask(id)
  if not task then return 'unknown' end
  local isLeased = task.state == 'l'
  if not isCurrent(task, attempt) or (isLeased and task.holder ~= holder) then return 'fenced' end
  if not isLeased then
    unindexTask(id, task)
    task.state, task.since, task.started = 'l', text(now), text(now)
  end
  task.till = text(now + leaseMs)
  task.holder, task.worker, task.node = holder, worker, node
  if progress ~= '' then task.progress = progress end
  indexTask(id, task)
  writeTask(id, task)
  return 'kept'
end

local results = {}
for i = 4, #ARGV, 6 do
  results[#results + 1] = extend(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
end
saveMeta()
return { now, epoch, results }
