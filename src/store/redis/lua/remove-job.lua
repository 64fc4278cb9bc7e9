#!lua flags=allow-oom
-- Forgets a job that has ended, with its history and its followers. Nothing happens where it is gone, goes on, or is at another revision.
--
-- KEYS   1–8 as in src/store/redis/keys.ts; 9 the job.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 job id, 5 the revision that it must be at, or ''.
-- Returns now, epoch.
-- include: whole
-- include: time
local head = redis.call('LINDEX', KEYS[9], 0)
local place = head and string.match(head, '^x([^\n]*)')
local isAt = ARGV[5] == '' or redis.call('LLEN', KEYS[9]) - 1 == tonumber(ARGV[5])
if place and isAt then
  redis.call('UNLINK', KEYS[9])
  redis.call('ZREM', KEYS[2], place .. ARGV[4])
  redis.call('ZREM', KEYS[6], 'o' .. ARGV[4])
  redis.call('HDEL', KEYS[8], ARGV[4])
end
return { now, epoch }
