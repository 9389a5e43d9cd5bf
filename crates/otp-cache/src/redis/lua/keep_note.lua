-- The note, and its expiry and the caller's instant in milliseconds.
local life = math.max(tonumber(ARGV[2]) - tonumber(ARGV[3]), 0) + TTL_SLACK
redis.call('SET', KEYS[1], ARGV[1], 'PX', string.format('%.0f', life))
return OK
