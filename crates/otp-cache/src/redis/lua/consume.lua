-- now, id
local n, challenge = find(ARGV[2])
if not n then return 'N' .. stored end
if is_over(challenge, tonumber(ARGV[1])) then return 'E' .. stored end
table.remove(challenges, n)
clear_counters()
save()
return 'O' .. stored
