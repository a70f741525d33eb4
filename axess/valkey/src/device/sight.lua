-- Moves the last sighting forward. KEYS: devices. ARGV: id, microseconds, as text.
local last = redis.call('HGET', KEYS[1], ARGV[1] .. 's')
if not last or tonumber(last) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1] .. 's', ARGV[2], ARGV[1] .. 't', ARGV[3])
return 1
