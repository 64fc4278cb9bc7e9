#!lua
-- Gives an idempotency key to the first who claims it.
--
-- KEYS   1 the key.
-- ARGV   1 job id.
-- Returns the job id of the first.
local first = redis.call('GET', KEYS[1]) or ARGV[1]
-- Written again where it is there: whoever waits for copies waits for those of this very call.
redis.call('SET', KEYS[1], first)
return first
