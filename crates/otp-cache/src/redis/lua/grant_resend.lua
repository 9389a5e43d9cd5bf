local now, max_failures, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local attempts_per_challenge, resends_per_challenge = tonumber(ARGV[4]), tonumber(ARGV[5])
local cooldowns = ARGV[6]
local refused = lockout(now, max_failures)
if refused then return refused .. stored end
local n, challenge = find(id)
if not n then return NOT_FOUND .. stored end
if is_expired(challenge, now) then return EXPIRED .. stored end
if byte(challenge, ATTEMPTS_POS) >= attempts_per_challenge then return ATTEMPTS_EXHAUSTED .. stored end
local resends = byte(challenge, RESENDS_POS)
if resends >= resends_per_challenge then return RESENDS_EXHAUSTED .. stored end
if now < read_u64(challenge, RESEND_AT_POS) then return TOO_EARLY .. stored end
resends = resends + 1
challenge = with(challenge, RESEND_AT_POS, u64(after(now, nth_or_last(cooldowns, resends))))
challenge = with(challenge, RESENDS_POS, char(resends))
challenges[n] = with(challenge, DELIVERY_POS, char(DELIVERY_PENDING))
save()
return OK .. stored
