-- All instants and the interval are in microseconds.
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, events = tonumber(ARGV[3]), tonumber(ARGV[4])
stored = stored or ''
if events > burst then return TOO_LARGE .. stored end
local latest = now + interval * burst
local before = tonumber(stored) or 0
-- Further ahead than any clock that is right: this charge gets the last part of the burst.
if before > latest + MAX_CLOCK_LEAD * MICROS_PER_MILLI then before = latest - interval * events end
local tat = math.max(before, now) + interval * events
if tat > latest then return RATE_EXCEEDED .. stored end
save(tat, now)
return OK .. stored
