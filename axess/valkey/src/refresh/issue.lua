-- KEYS: tokens, active tokens by issue, tokens by end.
-- ARGV: id, state, details, hash, issued in microseconds, end in microseconds, milliseconds to keep, most stored tokens,
-- most active tokens, time of the step as text, how many expired tokens to drop.
-- Returns {0} (conflict), {-1} (full) or {1, evicted ids...}.
local now = tonumber(ARGV[5])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
    return {0}
end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[8]) and prune(ARGV[5], ARGV[11]) == 0 then
    return {-1}
end
local active = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local state = read(id)
    if state and is_active(state, now) then
        active[#active + 1] = {id, state}
    end
end
-- First of all, because a full server has to refuse it before anything is done.
write(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
prune(ARGV[5], ARGV[11])
local answer = {1}
for i = 1, #active + 1 - tonumber(ARGV[9]) do
    local id, state = active[i][1], active[i][2]
    finish(id, state, 'v', ARGV[10])
    answer[#answer + 1] = id
end
return answer
