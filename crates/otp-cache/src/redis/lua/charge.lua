-- now, interval, burst, events; all instants in microseconds
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, events = tonumber(ARGV[3]), tonumber(ARGV[4])
stored = stored or ''
if events > burst then return 'T' .. stored end
local full_at = math.max(tonumber(stored) or 0, now) + interval * events
if full_at > now + interval * burst then return 'R' .. stored end
local life = math.ceil((full_at - now) / 1000) + 3600000
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', life))
return 'O' .. stored
