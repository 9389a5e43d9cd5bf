-- All instants and the interval are in microseconds.
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, events = tonumber(ARGV[3]), tonumber(ARGV[4])
stored = stored or ''
if events > burst then return TOO_LARGE .. stored end
local tat = math.max(tonumber(stored) or 0, now) + interval * events
if tat > now + interval * burst then return RATE_EXCEEDED .. stored end
save(tat, now)
return OK .. stored
