-- Ends an entry that nobody runs, by hand. See `Store::resolve` for the order of the answers.
-- ARGV: a token, the outcome's record, and the record that may be replaced, each of these after a
-- `+`, or nothing.

local token, outcome, instead_of = ARGV[1], ARGV[2], ARGV[3]
local entry, kept = read(KEYS[1])
if not entry then return 'vacant' end
if not is_readable(entry, kept) then return UNREADABLE end

local state, span = sub(entry, 1, 1), span_of(entry)
local left = kept - span
if state == 'D' then
    if left <= 0 then return 'expired' end
    if sub(entry, 3, 18) == token then return 'done' end
    if '+' .. record_of(entry) ~= instead_of then return 'completed\n' .. entry end
elseif state == 'C' and left > 0 then
    return 'running ' .. left
else
    -- Replayed for all the time that is left of it.
    span = 0
end

tell(KEYS[1], entry)
if outcome == '' then
    redis.call('DEL', KEYS[1])
else
    local header = 'D0' .. token .. sub(entry, 19, 60) .. string.format('%015d', span)
    rewrite(KEYS[1], header .. sub(outcome, 2) .. tail_of(entry), kept)
end
return 'done'
