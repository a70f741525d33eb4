-- ARGV: ids, or none for all active tokens. Returns {id, state, details, hash, successor or nil} for each that exists.
local ids = ARGV
if #ids == 0 then
    ids = redis.call('ZRANGE', KEYS[2], 0, -1)
end
local answer = {}
for _, id in ipairs(ids) do
    local found = redis.call('HMGET', KEYS[1], id, id .. 'd', id .. 'h', id .. 'n')
    if found[1] then
        answer[#answer + 1] = {id, found[1], found[2], found[3], found[4]}
    end
end
return answer
