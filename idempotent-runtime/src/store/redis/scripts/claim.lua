-- Decides for each key whether its caller may run the request. See `Store::claim` for the order of
-- the answers. Comes after `claim_new.lua`, which says what it has left in `others`.

local on_abandoned = ARGV[1]

-- In two commands, for a server that cannot set and get in one, or refused to: where memory is full
-- nothing may be set, and what there is may still be read. Writes the claim where there is no
-- entry. Else gives the entry, or the error for which nothing was written.
local function before(key, claim, keep)
    local entry = redis.pcall('GET', key)
    if entry then return entry end
    local set = redis.pcall('SET', key, claim, 'PX', keep)
    return set.err and set
end

-- Reads anew what there is: an earlier claim of this script may have changed it.
local function decide(place)
    local key, claim, keep = KEYS[place], ARGV[2 * place], ARGV[2 * place + 1]
    local entry, kept = read(key)
    if not entry then
        redis.call('SET', key, claim, 'PX', keep)
        return 'won 1'
    end
    if not is_readable(entry, kept) then return UNREADABLE end

    local state, left = sub(entry, 1, 1), kept - span_of(entry)
    if sub(entry, 19, 50) ~= sub(claim, 19, 50) then return 'reused' end
    if state == 'D' then
        if left > 0 then return {left, entry} end
        if record_of(entry) ~= '' then rewrite(key, sub(entry, 1, HEADER_LENGTH) .. tail_of(entry), kept) end
        return 'expired'
    end
    if state == 'A' then return 'abandoned' end

    local attempt = tonumber(sub(entry, 51, 60))
    if sub(entry, 3, 18) == sub(claim, 3, 18) then
        rewrite(key, sub(entry, 1, 60) .. sub(claim, 61, HEADER_LENGTH) .. tail_of(entry), keep)
        return 'won ' .. attempt
    end
    if left > 0 then
        if sub(entry, 2, 2) == '0' then rewrite(key, 'C1' .. sub(entry, 3), kept) end
        return 'in_flight ' .. left
    end
    tell(key, entry)
    if on_abandoned == 'rerun' then
        attempt = attempt + 1
        local label = tail_of(claim)
        if #label == 1 then label = tail_of(entry) end
        local numbers = string.format('%010d', attempt) .. sub(claim, 61, HEADER_LENGTH)
        rewrite(key, sub(claim, 1, 50) .. numbers .. label, keep)
        return 'won ' .. attempt
    end
    rewrite(key, 'A0' .. sub(entry, 3), kept)
    return 'abandoned'
end

-- New keys first, here too: nothing is rewritten before the last of them.
local answers, known = {}, {}
for place, key in ipairs(KEYS) do
    local claim, entry = ARGV[2 * place], others[place]
    if entry and type(entry) ~= 'string' then entry = before(key, claim, ARGV[2 * place + 1]) end
    if not entry then
        answers[place] = 'won 1'
    elseif type(entry) == 'table' then
        answers[place] = entry
    else
        -- No span: it is damaged, which is its own caller's affair.
        local is_same = sub(entry, 1, 1) == 'D' and sub(entry, 19, 50) == sub(claim, 19, 50)
        local span = is_same and span_of(entry)
        local left = span and redis.call('PTTL', key) - span
        if left and left > 0 then answers[place] = {left, entry} else known[#known + 1] = place end
    end
end
return answer_each(known, answers, decide)
