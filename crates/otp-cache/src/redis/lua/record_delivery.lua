-- now, id, delivery, undelivered cooldown
local now, delivery = tonumber(ARGV[1]), tonumber(ARGV[3])
local n, challenge = find(ARGV[2])
if not n or is_over(challenge, now) then return '-' .. stored end
local known = byte(challenge, 78)
local is_news = (known == 0 and delivery ~= 0) or (known >= 2 and delivery == 1)
if not is_news then return '-' .. stored end
local resend_at = read_u64(challenge, 68)
if delivery >= 2 then resend_at = math.min(resend_at, after(now, tonumber(ARGV[4]))) end
challenges[n] = sub(challenge, 1, 67) .. u64(resend_at) .. sub(challenge, 76, 77) .. char(delivery)
save()
return 'O' .. stored
