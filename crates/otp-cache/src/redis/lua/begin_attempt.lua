-- now, hard stop, id, attempts per challenge, attempts per subject, quiet period, locks
local now, hard_stop = tonumber(ARGV[1]), tonumber(ARGV[2])
local refused = standing(now, hard_stop)
if refused then return refused .. stored end
local n, challenge = find(ARGV[3])
if not n then return 'N' .. stored end
if is_over(challenge, now) then return 'E' .. stored end
local attempts = byte(challenge, 76)
if attempts >= tonumber(ARGV[4]) then return 'X' .. stored end
challenges[n] = sub(challenge, 1, 75) .. char(attempts + 1) .. sub(challenge, 77)
if math.max(now - last, 0) >= tonumber(ARGV[6]) then window = 0 end
window = math.min(window + 1, 255)
failures = math.min(failures + 1, 255)
last = math.max(last, now)
blocked = failures >= hard_stop and 1 or 0
if window >= tonumber(ARGV[5]) then
  locked_until = after(last, nth_or_last(ARGV[7], locks))
  locks = math.min(locks + 1, 255)
  window = 0
end
save()
return 'O' .. stored
