-- ARGV: id, hash, end in microseconds, exact end, now in microseconds, milliseconds to keep.
local id = ARGV[1]
local state = read(id)
if not state or not is_active(state, tonumber(ARGV[5])) then
    return 0
end
local parts = {'a', state.issued, ARGV[3], state.family, state.device, ARGV[4], ''}
redis.call('HSET', KEYS[1], id, table.concat(parts, '|'), id .. 'h', ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], id)
keep(ARGV[6])
return 1
