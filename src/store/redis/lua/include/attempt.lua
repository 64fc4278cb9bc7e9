-- Whether an attempt is the one that counts. Needs include/task.lua.

-- Whether `attempt` of a task is current and unsettled, and has no lease any more if it must be lapsed ('1').
local function isCurrent(task, attempt, lapsed)
  if not task or task.attempt ~= tonumber(attempt) or task.attempt <= task.settled then return false end
  return lapsed ~= '1' or task.state ~= 'l' or tonumber(task.till) <= now
end
