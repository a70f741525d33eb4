-- What every script on the tokens of one user begins with.
-- KEYS: tokens, active tokens by issue, tokens by end.
-- The first is a hash with up to four fields for a token: `id` (its state), `id` .. 'd' (details that never change),
-- `id` .. 'h' (its hash) and `id` .. 'n' (what it was exchanged for). A state is a text of seven parts:
-- a(ctive), r(otated) or (re)v(oked) | issued, microseconds | end, microseconds | family | device | end | when it became
-- inactive; the last two are exact times, which only the application reads.
local function read(id)
    local text = redis.call('HGET', KEYS[1], id)
    if not text then
        return nil
    end
    local kind, issued, ends, family, device, exact = string.match(
        text, '^(%a)|(%-?%d+)|(%-?%d+)|(%x*)|(%x*)|([^|]*)|')
    return {kind = kind, issued = issued, ends = ends, family = family, device = device, exact = exact}
end

local function is_active(state, now)
    return state.kind == 'a' and now < tonumber(state.ends)
end

-- Makes an active token inactive. It removes before it writes: a full server refuses a script only at its first command that
-- may need memory, and only if nothing was written yet, so tokens can be revoked on a full server too.
local function finish(id, state, kind, time)
    redis.call('ZREM', KEYS[2], id)
    local parts = {kind, state.issued, state.ends, state.family, state.device, state.exact, time}
    redis.call('HSET', KEYS[1], id, table.concat(parts, '|'))
end

local function keep(milliseconds)
    for _, key in ipairs(KEYS) do
        if redis.call('PTTL', key) < tonumber(milliseconds) then
            redis.call('PEXPIRE', key, milliseconds)
        end
    end
end

local function write(id, state, details, hash, issued, ends, milliseconds)
    redis.call('HSET', KEYS[1], id, state, id .. 'd', details, id .. 'h', hash)
    redis.call('ZADD', KEYS[2], issued, id)
    redis.call('ZADD', KEYS[3], ends, id)
    keep(milliseconds)
end

-- Deletes at most `limit` tokens that ended, and returns how many.
local function prune(now, limit)
    local ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, limit)
    for _, id in ipairs(ids) do
        redis.call('HDEL', KEYS[1], id, id .. 'd', id .. 'h', id .. 'n')
        redis.call('ZREM', KEYS[2], id)
        redis.call('ZREM', KEYS[3], id)
    end
    return #ids
end

