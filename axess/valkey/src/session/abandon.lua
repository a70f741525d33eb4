-- Deletes a row that is still pending.
-- KEYS: new row. ARGV: old id.
if redis.call('HGET', KEYS[1], 'p') ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
