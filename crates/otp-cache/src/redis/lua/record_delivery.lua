local now, id, delivery, cooldown = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function is_undelivered(reported)
  return reported == DELIVERY_OUT_OF_RANGE or reported == DELIVERY_FAILED
end
local n, challenge = find(id)
if not n or is_expired(challenge, now) then return UNCHANGED .. stored end
local known = byte(challenge, DELIVERY_POS)
local is_news = (known == DELIVERY_PENDING and delivery ~= DELIVERY_PENDING)
  or (is_undelivered(known) and (delivery == DELIVERY_DELIVERED or delivery == DELIVERY_CHANGED_HANDS))
if not is_news then return UNCHANGED .. stored end
if is_undelivered(delivery) then
  local resend_at = math.min(read_u64(challenge, RESEND_AT_POS), after(now, cooldown))
  challenge = with(challenge, RESEND_AT_POS, u64(resend_at))
end
challenges[n] = with(challenge, DELIVERY_POS, char(delivery))
save()
return OK .. stored
