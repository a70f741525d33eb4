-- ARGV: id, now in microseconds. Returns what the token was exchanged for, once, or nil.
local field = ARGV[1] .. 'n'
local next = redis.call('HGET', KEYS[1], field)
if not next then
    return false
end
redis.call('HDEL', KEYS[1], field)
-- It begins with the successor's id: 32 hexadecimal digits.
local state = read(string.sub(next, 1, 32))
if not state or not is_active(state, tonumber(ARGV[2])) then
    return false
end
return next
