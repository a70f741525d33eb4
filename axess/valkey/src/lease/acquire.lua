-- KEYS: lease. ARGV: holder, now in microseconds, end in microseconds. Returns the fence, or nil when it is taken.
local holder = redis.call('HGET', KEYS[1], 'holder')
local mine = false
if holder then
    local ends = redis.call('HGET', KEYS[1], 'until')
    if tonumber(ends) > tonumber(ARGV[2]) then
        if holder ~= ARGV[1] then
            return false
        end
        mine = true
    end
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', ARGV[3])
if mine then
    return tonumber(redis.call('HGET', KEYS[1], 'fence'))
end
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
