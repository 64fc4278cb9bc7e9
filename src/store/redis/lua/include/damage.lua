-- What a script answers that finds that a row is missing. It must not have written by then: it fails with DAMAGED.
local function damaged(what)
  return redis.error_reply('DAMAGED ' .. what)
end
