#!lua
-- Begins or ends that a node is told when others move a job.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 channels, 5 other nodes live, 6 job id,
--        7 '1' to begin, '0' to end, 8 the hint for the other nodes.
-- Returns now, epoch.
-- include: time
-- include: task
-- include: hint
local jobId, begins = ARGV[6], ARGV[7] == '1'
local followers = followersOf(jobId)
if begins then followers[#followers + 1] = node end
if #followers > 0 then
  redis.call('HSET', FOLLOW, jobId, table.concat(followers, ' '))
else
  redis.call('HDEL', FOLLOW, jobId)
end
saveMeta()
if begins then tellAll(ARGV[8]) end
return { now, epoch }
