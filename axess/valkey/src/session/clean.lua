-- Deletes a row or a marker that ended.
-- KEYS: row. ARGV: now in microseconds. Returns {0, nil} or {1, owner} for a row.
local now = tonumber(ARGV[1])
local ends = redis.call('HGET', KEYS[1], 'e')
if not ends then
    local memory = redis.call('HGET', KEYS[1], 'u')
    if memory and tonumber(memory) <= now then
        redis.call('DEL', KEYS[1])
    end
    return {0, false}
end
if tonumber(ends) > now then
    return {0, false}
end
local owner = redis.call('HGET', KEYS[1], 'o')
redis.call('DEL', KEYS[1])
return {1, owner}
