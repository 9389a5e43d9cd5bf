-- Reads the mark: microseconds below 2^64, decimal. What follows decides.
local stored = redis.call('GET', KEYS[1])
if stored then
  local is_mark = string.match(stored, '^%d+$') and tonumber(stored) < 18446744073709551616
  if not is_mark then return 'C' .. stored end
end
