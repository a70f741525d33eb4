-- KEYS: devices, ids by fingerprint. ARGV: fingerprint. Returns {id, device, sighting} or nil.
local id = redis.call('HGET', KEYS[2], ARGV[1])
if not id then
    return false
end
local found = redis.call('HMGET', KEYS[1], id, id .. 't')
if not found[1] then
    return false
end
return {id, found[1], found[2]}
