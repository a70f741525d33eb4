-- Makes a pending row a row. It never writes one that is gone: who ended it wins.
-- KEYS: new row. ARGV: old id, milliseconds to keep.
if redis.call('HGET', KEYS[1], 'p') ~= ARGV[1] then
    return 0
end
redis.call('HDEL', KEYS[1], 'p')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
