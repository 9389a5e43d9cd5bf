local now, max_failures, new = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local refused = lockout(now, max_failures)
if refused then return refused .. stored end
if find(id_of(new)) then return DUPLICATE_ID .. stored end
local kept = {}
for _, challenge in ipairs(challenges) do
  if purpose_of(challenge) ~= purpose_of(new) and not is_expired(challenge, now) then
    kept[#kept + 1] = challenge
  end
end
if #kept >= MAX_OPEN then return TOO_MANY_OPEN .. stored end
kept[#kept + 1] = new
challenges = kept
save()
return OK .. stored
