-- What other nodes are told, in the same moment as the write that they are told of. Needs include/task.lua.
--
-- Takes:  KEYS[8] follow: HASH job id -> ids of the nodes that follow it, divided by spaces. ARGV[4] the name that the
--         channels begin with; ARGV[5] '1' where other nodes are known to live.
-- Leaves: FOLLOW, channel, accompanied, tell, tellAll, followersOf, followersOfAll, tellQueued.
local FOLLOW, channel, accompanied = KEYS[8], ARGV[4], ARGV[5] == '1'

-- A hint that cannot be sent must not undo half of a write: whoever is told nothing finds out by looking.
local function tell(other, hint)
  if other ~= node then redis.pcall('PUBLISH', channel .. ':node:' .. other, node .. '\n' .. hint) end
end

local function tellAll(hint)
  redis.pcall('PUBLISH', channel .. ':nodes', node .. '\n' .. hint)
end

local function otherNodes(stored)
  local others = {}
  for follower in string.gmatch(stored or '', '%S+') do
    if follower ~= node then others[#others + 1] = follower end
  end
  return others
end

-- The other nodes that follow a job, and whether any does, this one included.
local function followersOf(jobId)
  local stored = redis.call('HGET', FOLLOW, jobId)
  return otherNodes(stored), stored ~= false
end

-- Of each of the jobs the other nodes that follow it.
local function followersOfAll(jobIds)
  local found = {}
  for i = 1, #jobIds, BATCH do
    local stored = redis.call('HMGET', FOLLOW, unpack(jobIds, i, math.min(#jobIds, i + BATCH - 1)))
    for _, one in ipairs(stored) do found[#found + 1] = otherNodes(one) end
  end
  return found
end

-- `queues` are JSON texts, each once.
local function tellQueued(shard, queues)
  if accompanied and #queues > 0 then
    tellAll('{"kind":"queued","shard":' .. shard .. ',"queues":[' .. table.concat(queues, ',') .. ']}')
  end
end
