local now, max_failures, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local per_challenge, per_subject = tonumber(ARGV[4]), tonumber(ARGV[5])
local quiet_period, lock_spans = tonumber(ARGV[6]), ARGV[7]
local refused = lockout(now, max_failures)
if refused then return refused .. stored end
local n, challenge = find(id)
if not n then return NOT_FOUND .. stored end
if is_expired(challenge, now) then return EXPIRED .. stored end
local attempts = byte(challenge, ATTEMPTS_POS)
if attempts >= per_challenge then return ATTEMPTS_EXHAUSTED .. stored end
challenges[n] = with(challenge, ATTEMPTS_POS, char(attempts + 1))
if is_of_wrong_clock(now) then
  -- How long ago the attempts were is unknown, so they count. Those before a lock are no longer in the window.
  if last < locked_until then window = per_subject - 1 end
  last, locked_until = now, 0
-- A clock that goes back is no quiet period.
elseif math.max(now - last, 0) >= quiet_period then
  window = 0
end
window, failures = one_more(window), one_more(failures)
last = math.max(last, now)
blocked = failures >= max_failures and 1 or 0
if window >= per_subject then
  locked_until = after(last, nth_or_last(lock_spans, locks))
  locks = one_more(locks)
  window = 0
end
save()
return OK .. stored
