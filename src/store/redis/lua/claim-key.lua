#!lua
-- Gives an idempotency key to the first who claims it.
--
-- KEYS   1 the key.
-- ARGV   1 job id.
-- Returns the job id of the first.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
