-- KEYS: sessions by end, sessions. ARGV: id, end in microseconds, value, id to replace or '', now in microseconds,
-- milliseconds to keep.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[5])) do
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
end
if ARGV[4] ~= '' then
    redis.call('ZREM', KEYS[1], ARGV[4])
    redis.call('HDEL', KEYS[2], ARGV[4])
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
for _, key in ipairs(KEYS) do
    if redis.call('PTTL', key) < tonumber(ARGV[6]) then
        redis.call('PEXPIRE', key, ARGV[6])
    end
end
return 1
