#!lua flags=allow-oom
-- Forgets timers that nobody is there to take.
--
-- KEYS   1–8 as in src/store/redis/keys.ts.
-- ARGV   1 look at the server, 2 node, 3 token (unused), then <job id> \0 <timer id> of each.
-- Returns now, epoch.
-- include: time
for i = 4, #ARGV do redis.call('ZREM', KEYS[6], 't' .. ARGV[i]) end
return { now, epoch }
