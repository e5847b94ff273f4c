-- Writes the record in place of the claim, if the hold still stands.
-- ARGV: the completed entry, and for how long it is kept.

local done, keep = ARGV[1], ARGV[2]
local entry = redis.call('GET', KEYS[1])
if claimed_with(entry, sub(done, 3, 18)) then
    tell(entry)
    local attempt = sub(entry, 51, 60)
    if attempt ~= sub(done, 51, 60) then done = sub(done, 1, 50) .. attempt .. sub(done, 61) end
    rewrite(done, keep)
    return 'stored'
end
if not entry or sub(entry, 1, 1) ~= 'D' then return 'fenced' end
if sub(entry, 3, 18) == sub(done, 3, 18) then return 'stored' end
local is_same = sub(entry, 19, 50) == sub(done, 19, 50)
if is_same and redis.call('PTTL', KEYS[1]) > span_of(entry) then return 'fenced\n' .. entry end
return 'fenced'
