-- The generic cell rate algorithm, exact to the nanosecond.
-- Points in time are pairs of seconds and nanoseconds. Spans are nanoseconds; a window has at most 30 days, 2.6e15, so
-- that every sum of two spans is an integer a double holds exactly (9.0e15).
-- KEYS: bucket. ARGV: seconds and nanoseconds of now, window, tolerance, interval, milliseconds to keep.
-- Returns 0 (admitted) or the nanoseconds to wait.
local now_s, now_n = tonumber(ARGV[1]), tonumber(ARGV[2])
local window, tolerance, interval = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

-- How far the stored state is ahead of now: at least nothing, at most a window.
local ahead = 0
local stored = redis.call('GET', KEYS[1])
if stored then
    local tat_s, tat_n = string.match(stored, '^(%-?%d+)%.(%d+)$')
    local seconds = tonumber(tat_s) - now_s
    if seconds > 3000000 then
        -- More than any window; the difference in nanoseconds might not be exact.
        ahead = window
    elseif seconds >= 0 then
        ahead = math.min(math.max(seconds * 1e9 + tonumber(tat_n) - now_n, 0), window)
    end
end

local wait = ahead - tolerance
if wait <= 0 then
    wait = 0
    ahead = ahead + interval
end
local sum = now_n + ahead
local rest = math.fmod(sum, 1e9)
local tat = string.format('%.0f.%.0f', now_s + (sum - rest) / 1e9, rest)
redis.call('SET', KEYS[1], tat, 'PX', ARGV[6])
return wait
