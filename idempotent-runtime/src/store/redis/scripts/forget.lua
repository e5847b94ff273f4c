-- Takes an entry over that nobody runs, to forget it: whoever asks for the key meanwhile waits, as
-- for any claim. See `Store::forget`.
-- ARGV: the token of the entry that is meant, `claimed` or `completed`, the token that takes it
-- over, and for how long.

local meant, stage, ours, held = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local entry, kept = read(KEYS[1])
if not entry then return 'vacant' end
if not is_readable(entry, kept) then return UNREADABLE end
if claimed_with(entry, ours) then return 'held' end
local state = sub(entry, 1, 1)
if sub(entry, 3, 18) ~= meant or (state == 'D') ~= (stage == 'completed') then return 'another' end
local left = kept - span_of(entry)
if state == 'C' and left > 0 then return 'running ' .. left end
-- Who dies over it leaves a dead claim, for as long as the entry would have been there.
local span = string.format('%015d', kept)
rewrite(KEYS[1], 'C' .. sub(entry, 2, 2) .. ours .. sub(entry, 19, 60) .. span .. tail_of(entry), held + kept)
return 'held'
