local now, id = tonumber(ARGV[1]), ARGV[2]
local n, challenge = find(id)
if not n then return NOT_FOUND .. stored end
if is_expired(challenge, now) then return EXPIRED .. stored end
table.remove(challenges, n)
clear_counters()
save()
return OK .. stored
