#!lua flags=no-writes
-- A job with all that is its own. Reads all messages of the shard, and everything that has a due time in it unless the
-- job has ended. Fails with DAMAGED where something is listed that is missing.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the job.
-- ARGV   1 job id, 2 the same as a pattern that matches nothing else.
-- Returns nothing where there is no such job; otherwise its head and envelope, its history, the rows of its tasks, id
--        and time of each timer by turns, id, row and time of each message by turns, and until when it is kept, or ''.
-- include: damage
local TASK, OPEN, DUE, MESSAGE, JOB = KEYS[3], KEYS[4], KEYS[6], KEYS[7], KEYS[9]
local jobId, pattern = ARGV[1], ARGV[2]
local SCANNED_AT_ONCE = 1000

local head = redis.call('LINDEX', JOB, 0)
if not head then return {} end

-- Call `visit(name, value)` for each member of a collection that matches.
local function scan(command, key, matching, visit)
  local cursor = '0'
  repeat
    local page = redis.call(command, key, cursor, 'MATCH', matching, 'COUNT', SCANNED_AT_ONCE)
    cursor = page[1]
    for i = 1, #page[2], 2 do visit(page[2][i], page[2][i + 1]) end
  until cursor == '0'
end

local rows, timers, messages, missing = {}, {}, {}, nil
for i, id in ipairs(redis.call('ZRANGEBYLEX', OPEN, '[' .. jobId .. ':', '(' .. jobId .. ';')) do
  rows[i] = redis.call('HGET', TASK, id)
  if not rows[i] then return damaged('task ' .. id .. ' is listed, and its row is missing') end
end
if string.sub(head, 1, 1) ~= 'x' then
  scan('ZSCAN', DUE, 't' .. pattern .. '\0*', function(member, due)
    timers[#timers + 1] = string.sub(member, #jobId + 3)
    timers[#timers + 1] = due
  end)
end
scan('HSCAN', MESSAGE, pattern .. ':*', function(id, row)
  messages[#messages + 1] = id
  messages[#messages + 1] = row
  messages[#messages + 1] = redis.call('ZSCORE', DUE, 'm' .. id) or ''
  if messages[#messages] == '' then missing = id end
end)
if missing then return damaged('message ' .. missing .. ' is kept, and never comes due') end
local kept = redis.call('ZSCORE', DUE, 'o' .. jobId) or ''
return { head, redis.call('LRANGE', JOB, 1, -1), rows, timers, messages, kept }
