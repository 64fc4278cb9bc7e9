#!lua flags=no-writes
-- The heads of jobs, without their envelopes.
--
-- KEYS   the jobs.
-- Returns for each its head (commit.lua) up to the envelope, or '' where it is gone.
local heads = {}
for i, key in ipairs(KEYS) do
  heads[i] = string.match(redis.call('LINDEX', key, 0) or '', '^[^\n]*\n[^\n]*') or ''
end
return heads
