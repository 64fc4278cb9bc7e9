#!lua flags=allow-oom
-- Puts a task back whose attempt ended without a result that counts.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token, 4 channels, 5 other nodes live, 6 shard,
--        7 task id, 8 attempt, 9 lapsed ('1'), 10 delay in ms, 11 settle ('1'), 12 counts ('1'), 13 error as JSON or ''.
-- Returns now, epoch, 'requeued' or 'fenced'. A token that has put the task back gets the same answer again.
-- include: whole
-- include: time
-- include: task
-- include: attempt
-- include: hint
local id, delayMs = ARGV[7], tonumber(ARGV[10])
local task = readTask(id)

if task and task.token == token then
  touchMeta()
  return { now, epoch, 'requeued' }
end
if not isCurrent(task, ARGV[8], ARGV[9]) then return { now, epoch, 'fenced' } end

unindexTask(id, task)
if ARGV[11] == '1' then task.settled, task.holder = task.attempt, '' end
if ARGV[12] == '1' then
  if ARGV[9] == '1' then task.losses = task.losses + 1 else task.failures = task.failures + 1 end
end
if ARGV[13] ~= '' then task.error = ARGV[13] end
task.since, task.token = nowText, token
task.worker, task.node, task.started, task.till = '', '-', '0', '0'
if delayMs > 0 then
  task.state, task.till = 'd', text(now + delayMs)
else
  task.state = 'q'
end
indexTask(id, task)
writeTask(id, task)
saveMeta()
if task.state == 'q' then tellQueued(ARGV[6], { task.queue }) end
return { now, epoch, 'requeued' }
