-- now, span; in microseconds
if not stored then return '-' end
local now = tonumber(ARGV[1])
local full_at = tonumber(stored) - tonumber(ARGV[2])
if full_at <= now then
  redis.call('DEL', KEYS[1])
else
  local life = math.ceil((full_at - now) / 1000) + 3600000
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', life))
end
return 'O' .. stored
