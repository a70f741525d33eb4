-- ARGV: what to compare ('id', 'family', 'device' or 'all'), with what, now in microseconds, now as text.
-- Returns {how many were active, devices...}; a device may occur more than once.
local ids = {ARGV[2]}
if ARGV[1] ~= 'id' then
    ids = redis.call('ZRANGE', KEYS[3], 0, -1)
end
local answer = {0}
for _, id in ipairs(ids) do
    local state = read(id)
    if state and (ARGV[1] == 'id' or ARGV[1] == 'all' or state[ARGV[1]] == ARGV[2]) then
        if is_active(state, tonumber(ARGV[3])) then
            finish(id, state, 'v', ARGV[4])
            answer[1] = answer[1] + 1
        end
        redis.call('HDEL', KEYS[1], id .. 'n')
        if state.device ~= '' then
            answer[#answer + 1] = state.device
        end
    end
end
return answer
