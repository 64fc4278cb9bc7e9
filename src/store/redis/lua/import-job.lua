#!lua
-- Takes in a job of another store, where there is none of its id.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the job.
-- ARGV   1 look at the server, 2 node, 3 token, 4 job id, 5 head and envelope (commit.lua), 6 until when it is kept or '',
--        7 n; n history entries, then things, each a letter and its arguments:
--          a task id, state, rank digit, attempt, settled, failures, created, since, until, lease start, queue timeout
--            or '-', node or '-', losses, total timeout or '-', how many tasks of its key may run at once or '-',
--            queue, key, holder, worker, error, progress, task (the last seven are JSON texts or '')
--          s timer id, due     m message id, tries, message as JSON, due
-- Returns now, epoch, the revision that is stored, or 0 where it was taken in (also by this very token before).
-- include: whole
-- include: time
-- include: task
local LIST, OPEN, MESSAGE, JOB = KEYS[2], KEYS[4], KEYS[7], KEYS[9]
local jobId, head, kept = ARGV[4], ARGV[5], ARGV[6]
local thingsFrom = 8 + ARGV[7]
local width = { a = 23, s = 3, m = 5 }
local PUSHED_AT_ONCE = 1000

local length = redis.call('LLEN', JOB)
if length > 0 then
  local isOurs = string.sub(redis.call('LINDEX', JOB, -1), 1, #token + 1) == token .. '\n'
  touchMeta()
  return { now, epoch, isOurs and 0 or length - 1 }
end

redis.call('RPUSH', JOB, head)
for i = 8, thingsFrom - 1, PUSHED_AT_ONCE do
  redis.call('RPUSH', JOB, unpack(ARGV, i, math.min(i + PUSHED_AT_ONCE, thingsFrom) - 1))
end
redis.call('ZADD', LIST, 0, string.match(head, '^.([^\n]*)') .. jobId)
if kept ~= '' then redis.call('ZADD', DUE, kept, 'o' .. jobId) end

local i = thingsFrom
while ARGV[i] do
  local kind, id = ARGV[i], ARGV[i + 1]
  if kind == 'a' then
    sequence = sequence + 1
    local task = {
      state = ARGV[i + 2], rank = ARGV[i + 3] .. string.format('%012.0f', sequence), attempt = ARGV[i + 4],
      settled = ARGV[i + 5], failures = ARGV[i + 6], created = ARGV[i + 7], since = ARGV[i + 8], till = ARGV[i + 9],
      started = ARGV[i + 10], wait = ARGV[i + 11], jobBytes = #jobId, node = ARGV[i + 12], token = '-',
      losses = ARGV[i + 13], total = ARGV[i + 14], most = ARGV[i + 15], queue = ARGV[i + 16], key = ARGV[i + 17],
      holder = ARGV[i + 18], worker = ARGV[i + 19], error = ARGV[i + 20], progress = ARGV[i + 21], fixed = ARGV[i + 22]
    }
    -- A job that was forgotten may have left a task.
    local before = readTask(id)
    if before then unindexTask(id, before) end
    redis.call('ZADD', OPEN, 0, id)
    writeTask(id, task)
    indexTask(id, task)
  elseif kind == 's' then
    redis.call('ZADD', DUE, ARGV[i + 2], 't' .. jobId .. '\0' .. id)
  else
    redis.call('HSET', MESSAGE, id, ARGV[i + 2] .. ' -\n' .. ARGV[i + 3])
    redis.call('ZADD', DUE, ARGV[i + 4], 'm' .. id)
  end
  i = i + width[kind]
end
saveMeta()
return { now, epoch, 0 }
