-- KEYS: devices, ids by fingerprint. ARGV: id, fingerprint, device, last sighting in microseconds, as text, 1 unless it is
-- revoked, most devices. Returns {0, id, device, sighting} (there is one), {1} (written) or {-1} (full).
local known = redis.call('HGET', KEYS[2], ARGV[2])
if known then
    local found = redis.call('HMGET', KEYS[1], known, known .. 't')
    if found[1] then
        return {0, known, found[1], found[2]}
    end
end
if redis.call('HLEN', KEYS[1]) >= 4 * tonumber(ARGV[7]) then
    return {-1}
end
-- A device of the same id is replaced, with its fingerprint.
local before = redis.call('HGET', KEYS[1], ARGV[1] .. 'f')
if before and redis.call('HGET', KEYS[2], before) == ARGV[1] then
    redis.call('HDEL', KEYS[2], before)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], ARGV[1] .. 's', ARGV[4], ARGV[1] .. 't', ARGV[5], ARGV[1] .. 'f', ARGV[2])
if ARGV[6] == '1' then
    redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
end
return {1}
