-- Reads the subject's record. The script behind this one decides.
--
-- The constants in capitals come from otp_core (see scripts.rs): positions of fields (…_POS, from 1, as Lua
-- counts), lengths, limits, and the status bytes of the replies.
local sub, byte, char = string.sub, string.byte, string.char
-- Lua numbers are doubles, exact up to 2^53. LAST_MILLIS keeps every instant below that.
local WORD = 2 ^ 32

local function read_u64(text, pos)
  local high, low = struct.unpack('>I4I4', text, pos)
  return high * WORD + low
end
local function u64(number)
  local low = number % WORD
  return struct.pack('>I4I4', (number - low) / WORD, low)
end
local function id_of(challenge)
  return sub(challenge, ID_POS, ID_POS + ID_LEN - 1)
end
local function purpose_of(challenge)
  return sub(challenge, PURPOSE_POS, PURPOSE_POS + PURPOSE_LEN - 1)
end
-- Returns `challenge` with the field at `pos` set to `value`.
local function with(challenge, pos, value)
  return sub(challenge, 1, pos - 1) .. value .. sub(challenge, pos + #value)
end
local function after(at, span)
  return math.min(at + span, LAST_MILLIS)
end
local function one_more(count)
  return math.min(count + 1, MAX_COUNT)
end
local function nth_or_last(list, n)
  local value
  for item in string.gmatch(list, '%d+') do
    value = item
    if n == 0 then break end
    n = n - 1
  end
  return tonumber(value)
end

local key = KEYS[1]
local stored = redis.call('GET', key) or ''
local failures, window, locks, blocked, last, locked_until = 0, 0, 0, 0, 0, 0
local challenges = {}
if stored ~= '' then
  -- What the decoder of otp_core refuses is refused here, before anything is changed. A record that is too
  -- short to have a count fails the check of the count.
  local count = byte(stored, CHALLENGE_COUNT_POS) or MAX_OPEN + 1
  if byte(stored, VERSION_POS) ~= VERSION or count > MAX_OPEN
    or #stored ~= HEADER_LEN + CHALLENGE_LEN * count then
    return CORRUPT .. stored
  end
  failures, window = byte(stored, FAILURES_POS), byte(stored, WINDOW_POS)
  locks, blocked = byte(stored, LOCKS_POS), byte(stored, BLOCKED_POS)
  last, locked_until = read_u64(stored, LAST_ATTEMPT_POS), read_u64(stored, LOCKED_UNTIL_POS)
  if blocked > 1 or last > LAST_MILLIS or locked_until > LAST_MILLIS then return CORRUPT .. stored end
  -- One table for both: an id is longer than a purpose, so they cannot be equal.
  local seen = {}
  for n = 1, count do
    local first = HEADER_LEN + CHALLENGE_LEN * (n - 1) + 1
    local challenge = sub(stored, first, first + CHALLENGE_LEN - 1)
    local id, purpose = id_of(challenge), purpose_of(challenge)
    if seen[id] or seen[purpose] or byte(challenge, DELIVERY_POS) > DELIVERY_CHANGED_HANDS
      or not string.match(purpose, '^[a-z0-9_.-]+%z*$')
      or read_u64(challenge, OPENED_AT_POS) > LAST_MILLIS
      or read_u64(challenge, EXPIRES_AT_POS) > LAST_MILLIS
      or read_u64(challenge, RESEND_AT_POS) > LAST_MILLIS then
      return CORRUPT .. stored
    end
    seen[id], seen[purpose] = true, true
    challenges[n] = challenge
  end
end

local function find(id)
  for n, challenge in ipairs(challenges) do
    if id_of(challenge) == id then return n, challenge end
  end
end
local function is_expired(challenge, now)
  return now >= read_u64(challenge, EXPIRES_AT_POS)
    or after(now, CLOCK_TOLERANCE) < read_u64(challenge, OPENED_AT_POS)
end
-- Whether the last attempt is so far ahead that its clock was wrong.
local function is_of_wrong_clock(now)
  return after(now, MAX_CLOCK_LEAD) < last
end
-- Returns the status that refuses a locked or blocked subject.
local function lockout(now, max_failures)
  if blocked ~= 0 or failures >= max_failures then return BLOCKED end
  if now < locked_until and not is_of_wrong_clock(now) then return LOCKED end
end
local function clear_counters()
  failures, window, locks, blocked, last, locked_until = 0, 0, 0, 0, 0, 0
end
local function save()
  local counters = char(failures, window, locks, blocked) .. u64(last) .. u64(locked_until)
  if #challenges == 0 and counters == string.rep('\0', #counters) then
    redis.call('DEL', key)
    return
  end
  local record = char(VERSION) .. counters .. char(#challenges) .. table.concat(challenges)
  if failures == 0 and locks == 0 then
    -- Without failures and locks, the server may drop the record well after its last challenge expired.
    local life = 0
    for _, challenge in ipairs(challenges) do
      life = math.max(life, read_u64(challenge, EXPIRES_AT_POS) - read_u64(challenge, OPENED_AT_POS))
    end
    -- `tostring` would print 1.8e+15, hence `%.0f`.
    redis.call('SET', key, record, 'PX', string.format('%.0f', life + TTL_SLACK))
  else
    redis.call('SET', key, record)
  end
end
