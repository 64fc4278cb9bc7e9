#!lua flags=no-writes
-- The open tasks of one job. Fails with DAMAGED where one is listed whose row is missing.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 job id.
-- Returns the rows of its tasks (include/task.lua).
-- include: damage
-- Ids begin with the job's and a colon; the semicolon is what follows the colon.
local ids = redis.call('ZRANGEBYLEX', KEYS[4], '[' .. ARGV[1] .. ':', '(' .. ARGV[1] .. ';')
local rows = {}
for i, id in ipairs(ids) do
  rows[i] = redis.call('HGET', KEYS[3], id)
  if not rows[i] then return damaged('task ' .. id .. ' is listed, and its row is missing') end
end
return rows
