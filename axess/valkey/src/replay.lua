-- KEYS: claim. ARGV: now in microseconds, end in microseconds, milliseconds to keep. Returns 1 for the first use.
local ends = redis.call('GET', KEYS[1])
if ends and tonumber(ends) > tonumber(ARGV[1]) then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
