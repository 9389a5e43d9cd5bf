-- The instant and the span are in microseconds.
local now, span = tonumber(ARGV[1]), tonumber(ARGV[2])
if not stored then return UNCHANGED end
local tat = tonumber(stored) - span
if tat <= now then
  redis.call('DEL', KEYS[1])
else
  save(tat, now)
end
return OK .. stored
