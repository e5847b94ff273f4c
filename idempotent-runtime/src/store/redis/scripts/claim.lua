-- Decides whether the caller may run the request. See `Store::claim` for the order of the answers.
-- ARGV: the entry to write if the claim wins, for how long it is kept, and `refuse` or `rerun`.

local claim, keep, on_abandoned = ARGV[1], ARGV[2], ARGV[3]
local entry = redis.call('GET', KEYS[1])
local kept = entry and redis.call('PTTL', KEYS[1])
if not entry or kept == 0 then
    -- Refused where memory is full.
    redis.call('SET', KEYS[1], claim, 'PX', keep)
    return 'won 1'
end

local state, left = sub(entry, 1, 1), kept - span_of(entry)
if sub(entry, 19, 50) ~= sub(claim, 19, 50) then return 'reused' end
if state == 'D' then
    if left > 0 then return 'replay ' .. left .. '\n' .. entry end
    if #entry > HEADER_LENGTH then rewrite(sub(entry, 1, HEADER_LENGTH), kept) end
    return 'expired'
end
if state == 'A' then return 'abandoned' end

local attempt = tonumber(sub(entry, 51, 60))
if sub(entry, 3, 18) == sub(claim, 3, 18) then
    rewrite(sub(entry, 1, 60) .. sub(claim, 61), keep)
    return 'won ' .. attempt
end
if left > 0 then
    if sub(entry, 2, 2) == '0' then rewrite('C1' .. sub(entry, 3), kept) end
    return 'in_flight ' .. left
end
tell(entry)
if on_abandoned == 'rerun' then
    attempt = attempt + 1
    rewrite(sub(claim, 1, 50) .. string.format('%010d', attempt) .. sub(claim, 61), keep)
    return 'won ' .. attempt
end
rewrite('A0' .. sub(entry, 3), kept)
return 'abandoned'
