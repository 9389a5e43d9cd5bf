-- now, hard stop, most open challenges, the new challenge
local now, new = tonumber(ARGV[1]), ARGV[4]
local refused = standing(now, tonumber(ARGV[2]))
if refused then return refused .. stored end
if find(sub(new, 1, 16)) then return 'D' .. stored end
local stays = {}
for _, challenge in ipairs(challenges) do
  if sub(challenge, 33, 47) ~= sub(new, 33, 47) and not is_over(challenge, now) then
    stays[#stays + 1] = challenge
  end
end
if #stays >= tonumber(ARGV[3]) then return 'M' .. stored end
stays[#stays + 1] = new
challenges = stays
save()
return 'O' .. stored
