#!lua flags=allow-oom
-- Keeps outlived jobs for a while longer, for the one who is to archive and forget them.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 for how many ms, then job ids.
-- Returns now, epoch, the ids of those that were outlived. A call that is sent again gets none: they are found again.
-- include: time
local DUE = KEYS[6]
local claimed = {}
for i = 5, #ARGV do
  local till = redis.call('ZSCORE', DUE, 'o' .. ARGV[i])
  if till and tonumber(till) <= now then
    redis.call('ZADD', DUE, text(now + ARGV[4]), 'o' .. ARGV[i])
    claimed[#claimed + 1] = ARGV[i]
  end
end
if #claimed > 0 then saveMeta() end
return { now, epoch, claimed }
