-- Removes every session but one. KEYS: sessions by end, sessions. ARGV: id to keep or ''. Returns how many.
local count = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if id ~= ARGV[1] then
        redis.call('ZREM', KEYS[1], id)
        redis.call('HDEL', KEYS[2], id)
        count = count + 1
    end
end
return count
