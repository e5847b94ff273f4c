-- Writes for each key the record in place of the claim, if the hold still stands.
-- ARGV: for each key the completed entry, and for how long it is kept.

local function decide(place)
    local key, done, keep = KEYS[place], ARGV[2 * place - 1], ARGV[2 * place]
    local entry = redis.call('GET', key)
    if claimed_with(entry, sub(done, 3, 18)) then
        tell(key, entry)
        local attempt = sub(entry, 51, 60)
        if attempt ~= sub(done, 51, 60) then done = sub(done, 1, 50) .. attempt .. sub(done, 61) end
        rewrite(key, done, keep)
        return 'stored'
    end
    if not entry or sub(entry, 1, 1) ~= 'D' then return 'fenced' end
    if sub(entry, 3, 18) == sub(done, 3, 18) then return 'stored before' end
    local is_same = sub(entry, 19, 50) == sub(done, 19, 50)
    if is_same and redis.call('PTTL', key) > span_of(entry) then return 'fenced\n' .. entry end
    return 'fenced'
end

-- Most are the first attempt, for which nobody waits, and there is room for their record.
local answers, others = {}, {}
for place, key in ipairs(KEYS) do
    local done, entry = ARGV[2 * place - 1], redis.pcall('GET', key)
    local is_usual = type(entry) == 'string' and sub(entry, 1, 2) == 'C0' and sub(entry, 3, 60) == sub(done, 3, 60)
    if is_usual and redis.pcall('SET', key, done, 'PX', ARGV[2 * place]).ok then
        answers[place] = 'stored'
    else
        others[#others + 1] = place
    end
end
return answer_each(others, answers, decide)
