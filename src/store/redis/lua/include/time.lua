-- Store time and epoch of a shard, or of the system. Writes META itself where the epoch or the clock has changed.
--
-- Takes:  KEYS[1] meta of the shard, or of the system; ARGV[1] '1' where the server must be looked at, '0' otherwise.
-- Leaves: META, stored (what META had), now (milliseconds since 1970; not behind what was saved last), nowText, epoch,
--         sequence (of the task added last), text, saveMeta and touchMeta.
--
-- saveMeta() is to be called once, after all else: by scripts that have written times or ranks, because time must not go
-- back behind those, and ranks are given once. Scripts that only take things away need not call it.
--
-- The epoch is the name of one life of the data. A server has another replication id after each start and each
-- promotion, so a shard that finds itself under another id than it was written under may have been rewound. Asking for
-- the id costs ten times as much as all the rest here, hence only every 20 ms, and at the first call of a connection.
local META = KEYS[1]
local CHECK_EVERY_MS = 20

local function text(number)
  return string.format(number == math.floor(number) and '%.0f' or '%.17g', number)
end

local function base36(number)
  local digits = ''
  repeat
    local digit = number % 36
    digits = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, digit + 1) .. digits
    number = math.floor(number / 36)
  until number == 0
  return digits
end

local function milliseconds()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local stored = redis.call('HMGET', META, 'now', 'offset', 'sequence', 'epoch', 'server', 'checked', 'clock')
-- A clock that stands in the data is that of a simulation.
local clock = tonumber(stored[7]) or milliseconds()
local last, offset = tonumber(stored[1]) or 0, tonumber(stored[2]) or 0
local sequence, epoch, checked = tonumber(stored[3]) or 0, stored[4], tonumber(stored[6]) or 0

if ARGV[1] == '1' or not epoch or clock < checked or clock - checked > CHECK_EVERY_MS then
  local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
    or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  checked = clock
  if server ~= stored[5] or not epoch then
    -- The id's first digits tell servers apart that begin an epoch in the same millisecond.
    epoch = string.sub(server, 1, 3) .. base36(milliseconds())
    -- Time goes on from where it was, but need not run ahead of the clock any longer than that.
    offset = math.max(0, last - clock)
    redis.call('HSET', META, 'server', server, 'epoch', epoch, 'offset', text(offset))
  end
end

-- Where the clock has been set back, time goes on from where it was.
if clock + offset < last then
  offset = last - clock
  redis.call('HSET', META, 'offset', text(offset))
end
local now = clock + offset
local nowText = text(now)

-- Of what has changed: in one millisecond there are many calls, and most of them add no task.
local function saveMeta()
  if checked ~= tonumber(stored[6]) then
    redis.call('HSET', META, 'now', nowText, 'sequence', text(sequence), 'checked', text(checked))
  elseif sequence ~= tonumber(stored[3]) then
    redis.call('HSET', META, 'now', nowText, 'sequence', text(sequence))
  elseif nowText ~= stored[1] then
    redis.call('HSET', META, 'now', nowText)
  end
end

-- Instead of saveMeta(), by a script that has written nothing because it, or somebody else, has before: what it answers is told
-- on, so copies of that are waited for. Valkey lets nobody wait who has not written over the same connection.
local function touchMeta()
  redis.call('HSET', META, 'now', nowText)
end
