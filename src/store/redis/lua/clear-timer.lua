#!lua flags=allow-oom
-- Forgets a timer that nothing waits for any more.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), 4 job id, 5 timer id, 6 the epoch in which that was seen: in another one
--        the job may be where it was before, and nothing happens.
-- Returns now, epoch.
-- include: time
if ARGV[6] == epoch then redis.call('ZREM', KEYS[6], 't' .. ARGV[4] .. '\0' .. ARGV[5]) end
return { now, epoch }
