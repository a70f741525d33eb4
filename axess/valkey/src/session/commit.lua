-- Replaces the old row, if it has the expected version, by a marker that names the new id.
-- KEYS: old row. ARGV: expected version, new id, end of the marker in microseconds, milliseconds to keep it.
-- Returns {0, ''} (no such row), {1, owner} (done) or {2, ''} (the row is pending itself).
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then
    return {0, ''}
end
if redis.call('HEXISTS', KEYS[1], 'p') == 1 then
    return {2, ''}
end
local owner = redis.call('HGET', KEYS[1], 'o')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'm', ARGV[2], 'u', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, owner}
