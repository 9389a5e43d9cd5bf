-- Reads a theoretical arrival time: microseconds below 2^64, decimal. The script behind this one decides.
local stored = redis.call('GET', KEYS[1])
if stored then
  local is_tat = string.match(stored, '^%d+$') and tonumber(stored) < 2 ^ 64
  if not is_tat then return CORRUPT .. stored end
end

local function save(tat, now)
  -- The slack is for clocks: `PX` counts on the server's, `now` is the caller's.
  local life = math.ceil((tat - now) / MICROS_PER_MILLI) + TTL_SLACK
  -- `tostring` would print 1.8e+15, hence `%.0f`.
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', string.format('%.0f', life))
end
