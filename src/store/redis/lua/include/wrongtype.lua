-- What keys are to hold.

-- The error for the first of `keys` that holds something else than `types` says from its item `from` on; nil where none does.
local function wrongType(keys, types, from)
  for i, key in ipairs(keys) do
    local found, expected = redis.call('TYPE', key).ok, types[from + i - 1]
    if found ~= 'none' and found ~= expected then
      return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. expected)
    end
  end
end
