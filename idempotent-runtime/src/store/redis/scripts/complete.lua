-- Writes for each key the record in place of the claim, if the hold still stands. Comes after
-- `complete_first.lua`, which has left in `others` the places where it has written nothing.

local function decide(place)
    local key, done, keep = KEYS[place], ARGV[2 * place - 1], ARGV[2 * place]
    local entry, kept = read(key)
    if not entry or not is_readable(entry, kept) then return 'fenced' end
    if claimed_with(entry, sub(done, 3, 18)) then
        tell(key, entry)
        local attempt = sub(entry, 51, 60)
        if attempt ~= sub(done, 51, 60) then done = sub(done, 1, 50) .. attempt .. sub(done, 61) end
        rewrite(key, done .. tail_of(entry), keep)
        return 'stored'
    end
    if sub(entry, 1, 1) ~= 'D' then return 'fenced' end
    if sub(entry, 3, 18) == sub(done, 3, 18) then return 'stored before' end
    local is_same = sub(entry, 19, 50) == sub(done, 19, 50)
    if is_same and kept > span_of(entry) then return 'fenced\n' .. entry end
    return 'fenced'
end

local answers = {}
for place in ipairs(KEYS) do answers[place] = 'stored' end
return answer_each(others, answers, decide)
