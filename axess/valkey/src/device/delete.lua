-- Deletes everything. KEYS: devices, ids by fingerprint. Returns how many devices there were.
local count = redis.call('HLEN', KEYS[1]) / 4
redis.call('DEL', KEYS[1], KEYS[2])
return count
