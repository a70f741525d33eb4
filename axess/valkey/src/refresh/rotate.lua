-- KEYS: tokens, active tokens by issue, tokens by end.
-- ARGV: id of the successor, its state, details, hash, issued in microseconds, end in microseconds, milliseconds to keep,
-- most stored tokens, current id, family, what to keep for the loser of a race, time of the step as text, how many expired
-- tokens to drop. Returns 0 (not active), 1 (done) or -1 (full).
local current = ARGV[9]
local state = read(current)
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or not state
    or not is_active(state, tonumber(ARGV[5])) or state.family ~= ARGV[10] then
    return 0
end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[8]) and prune(ARGV[5], ARGV[13]) == 0 then
    return -1
end
-- First of all, because a full server has to refuse it before anything is done.
write(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
finish(current, state, 'r', ARGV[12])
redis.call('HSET', KEYS[1], current .. 'n', ARGV[11])
prune(ARGV[5], ARGV[13])
return 1
