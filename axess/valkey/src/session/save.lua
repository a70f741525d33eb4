-- Replaces a row of the expected version.
-- KEYS: row. ARGV: expected version, new version, owner, end in microseconds, head, payload, milliseconds to keep.
-- Returns 0 (no such row), 1 (done) or 2 (the row is pending).
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then
    return 0
end
if redis.call('HEXISTS', KEYS[1], 'p') == 1 then
    return 2
end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'o', ARGV[3], 'e', ARGV[4], 'h', ARGV[5], 'd', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 1
