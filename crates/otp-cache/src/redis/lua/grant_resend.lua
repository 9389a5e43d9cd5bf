-- now, hard stop, id, attempts per challenge, resends per challenge, cooldowns
local now = tonumber(ARGV[1])
local refused = standing(now, tonumber(ARGV[2]))
if refused then return refused .. stored end
local n, challenge = find(ARGV[3])
if not n then return 'N' .. stored end
if is_over(challenge, now) then return 'E' .. stored end
if byte(challenge, 76) >= tonumber(ARGV[4]) then return 'X' .. stored end
local resends = byte(challenge, 77)
if resends >= tonumber(ARGV[5]) then return 'R' .. stored end
if now < read_u64(challenge, 68) then return 'Y' .. stored end
resends = resends + 1
local resend_at = after(now, nth_or_last(ARGV[6], resends))
challenges[n] = sub(challenge, 1, 67) .. u64(resend_at) .. sub(challenge, 76, 76) .. char(resends, 0)
save()
return 'O' .. stored
