#!lua flags=allow-oom
-- Extends leases, or takes them up again where they had run out and nobody else got the task.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused),
--        then for each extension: task id, attempt, holder, worker (JSON texts), lease in ms, progress
--        and checkpoint as JSON or ''.
-- Returns now, epoch, and for each extension 'kept', 'fenced' or 'unknown'.
-- include: whole
-- include: time
-- include: task
-- include: attempt
local function extend(id, attempt, holder, worker, leaseMs, progress, checkpoint)
  local task = readTask(id)
  if not task then return 'unknown' end
  local isLeased = task.state == 'l'
  if not isCurrent(task, attempt) or (task.holder ~= '' and task.holder ~= holder) then return 'fenced' end
  if not isLeased then
    unindexTask(id, task)
    task.state, task.since, task.started = 'l', nowText, nowText
  end
  task.till = text(now + leaseMs)
  task.holder, task.worker, task.node = holder, worker, node
  if progress ~= '' then task.progress = progress end
  if checkpoint ~= '' then task.fixed = string.match(task.fixed, '^[^\n]*') .. '\n' .. checkpoint end
  indexTask(id, task)
  writeTask(id, task)
  return 'kept'
end

startGathering()
local results = {}
for i = 4, #ARGV, 7 do
  results[#results + 1] = extend(unpack(ARGV, i, i + 6))
end
writeGathered()
saveMeta()
return { now, epoch, results }
