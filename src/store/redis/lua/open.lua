#!lua flags=allow-oom
-- Opens the store: compares its format with that of the caller, and makes or raises its shards.
--
-- KEYS   1 meta of the system.
-- ARGV   1 look at the server, 2 format of the caller, 3 shards that are wanted, or 0, 4 shards of a new store.
-- Returns now, epoch, the stored format, and how many shards the store had and has. Where the format is newer, or
--        fewer shards are wanted than there are, nothing is written, and now and epoch are 0 and ''.
local format = tonumber(redis.call('HGET', KEYS[1], 'format')) or tonumber(ARGV[2])
local shards, wanted = tonumber(redis.call('HGET', KEYS[1], 'shards')) or 0, tonumber(ARGV[3])
if format > tonumber(ARGV[2]) or (wanted > 0 and wanted < shards) then return { 0, '', format, shards, shards } end
-- include: time
local after = math.max(shards, wanted)
if after == 0 then after = tonumber(ARGV[4]) end
redis.call('HSET', META, 'format', format, 'shards', after)
saveMeta()
return { now, epoch, format, shards, after }
