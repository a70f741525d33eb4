-- Writes a row under an id that nothing has. A row with `p` is pending until the rotation that brings it is committed.
-- KEYS: row. ARGV: version, owner, end in microseconds, head, payload, milliseconds to keep, old id or ''.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'o', ARGV[2], 'e', ARGV[3], 'h', ARGV[4], 'd', ARGV[5])
if ARGV[7] ~= '' then
    redis.call('HSET', KEYS[1], 'p', ARGV[7])
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
