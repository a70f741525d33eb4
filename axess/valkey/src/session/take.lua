-- Deletes a row; with an owner only that owner's.
-- KEYS: row. ARGV: owner or '', 1 to delete a pending row too.
-- Returns {0, '', ''} (nothing to delete), {1, new id, end in microseconds} (a marker), {2, owner, old id or ''} (deleted)
-- or {3, old id, ''} (a pending row, which is still there).
local next = redis.call('HGET', KEYS[1], 'm')
if next then
    return {1, next, redis.call('HGET', KEYS[1], 'u')}
end
local owner = redis.call('HGET', KEYS[1], 'o')
if not owner or (ARGV[1] ~= '' and ARGV[1] ~= owner) then
    return {0, '', ''}
end
local old = redis.call('HGET', KEYS[1], 'p') or ''
if old ~= '' and ARGV[2] ~= '1' then
    return {3, old, ''}
end
redis.call('DEL', KEYS[1])
return {2, owner, old}
