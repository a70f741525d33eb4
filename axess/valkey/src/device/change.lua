-- Replaces or deletes a device that is as it was read.
-- KEYS: devices, ids by fingerprint. ARGV: id, device as read, sighting as read or '' for any, new device or '' to delete,
-- 1 if its fingerprint is free then. Returns 1 if it was as read.
local id = ARGV[1]
local found = redis.call('HMGET', KEYS[1], id, id .. 't', id .. 'f')
if found[1] ~= ARGV[2] or (ARGV[3] ~= '' and found[2] ~= ARGV[3]) then
    return 0
end
if ARGV[5] == '1' and redis.call('HGET', KEYS[2], found[3]) == id then
    redis.call('HDEL', KEYS[2], found[3])
end
if ARGV[4] == '' then
    redis.call('HDEL', KEYS[1], id, id .. 's', id .. 't', id .. 'f')
else
    redis.call('HSET', KEYS[1], id, ARGV[4])
end
return 1
