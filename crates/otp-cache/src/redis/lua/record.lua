-- Reads the subject's record (layout: otp_core::SubjectRecord::to_bytes). What follows decides.
local LAST = 253402300799999
local HOUR = 3600000
-- Challenge::CLOCK_TOLERANCE
local TOLERANCE = 60000
local sub, byte, char = string.sub, string.byte, string.char

local function read_u64(text, at)
  local high, low = struct.unpack('>I4I4', text, at)
  return high * 4294967296 + low
end
local function u64(number)
  local low = number % 4294967296
  return struct.pack('>I4I4', (number - low) / 4294967296, low)
end
local function after(at, span)
  return math.min(at + span, LAST)
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
  -- What the rules' own decoder refuses is refused here, before anything is changed.
  local count = byte(stored, 22) or 9
  if byte(stored, 1) ~= 1 or count > 8 or #stored ~= 22 + 78 * count then return 'C' .. stored end
  failures, window, locks, blocked = byte(stored, 2, 5)
  last, locked_until = read_u64(stored, 6), read_u64(stored, 14)
  if blocked > 1 or last > LAST or locked_until > LAST then return 'C' .. stored end
  -- Ids have 16 bytes and purposes 15: one table does for both.
  local seen = {}
  for n = 1, count do
    local challenge = sub(stored, 78 * n - 55, 78 * n + 22)
    local id, purpose = sub(challenge, 1, 16), sub(challenge, 33, 47)
    if seen[id] or seen[purpose] or byte(challenge, 78) > 3
      or not string.match(purpose, '^[a-z0-9_.-]+%z*$') or read_u64(challenge, 52) > LAST
      or read_u64(challenge, 60) > LAST or read_u64(challenge, 68) > LAST then
      return 'C' .. stored
    end
    seen[id], seen[purpose] = true, true
    challenges[n] = challenge
  end
end

-- One challenge: id 1-16, nonce 17-32, purpose 33-47, key id 48-51, opened 52-59, expires 60-67,
-- resend at 68-75, attempts 76, resends 77, delivery 78.
local function find(id)
  for n, challenge in ipairs(challenges) do
    if sub(challenge, 1, 16) == id then return n, challenge end
  end
end
local function is_over(challenge, now)
  return now >= read_u64(challenge, 60) or after(now, TOLERANCE) < read_u64(challenge, 52)
end
local function standing(now, hard_stop)
  if blocked ~= 0 or failures >= hard_stop then return 'B' end
  if now < locked_until then return 'L' end
end
local function clear_counters()
  failures, window, locks, blocked, last, locked_until = 0, 0, 0, 0, 0, 0
end
local function save()
  local head = char(1, failures, window, locks, blocked) .. u64(last) .. u64(locked_until)
  if #challenges == 0 and head == '\1' .. string.rep('\0', 20) then
    redis.call('DEL', key)
    return
  end
  local record = head .. char(#challenges) .. table.concat(challenges)
  if failures == 0 and locks == 0 then
    -- Nothing to remember but challenges: the server may sweep well after the last has expired.
    local life = 0
    for _, challenge in ipairs(challenges) do
      life = math.max(life, read_u64(challenge, 60) - read_u64(challenge, 52))
    end
    redis.call('SET', key, record, 'PX', string.format('%.0f', life + HOUR))
  else
    redis.call('SET', key, record)
  end
end
