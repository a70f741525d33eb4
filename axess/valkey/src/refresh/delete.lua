-- Deletes everything. Returns how many tokens there were.
local count = redis.call('ZCARD', KEYS[3])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return count
