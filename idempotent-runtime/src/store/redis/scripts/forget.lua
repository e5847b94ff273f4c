-- Takes an entry over that nobody runs, to forget it: whoever asks for the key meanwhile waits, as for any claim. See `Store::forget`.
-- ARGV: the token of the entry that is meant, the token that takes it over, and for how long.

local entry = redis.call('GET', KEYS[1])
local kept = entry and redis.call('PTTL', KEYS[1])
if not entry or kept == 0 then return 'vacant' end
if claimed_with(entry, ARGV[2]) then return 'held' end
if sub(entry, 3, 18) ~= ARGV[1] then return 'another' end
local left = kept - span_of(entry)
if sub(entry, 1, 1) == 'C' and left > 0 then return 'running ' .. left end
-- Who dies over it leaves a dead claim, for as long as the entry would have been there.
rewrite('C' .. sub(entry, 2, 2) .. ARGV[2] .. sub(entry, 19, 60) .. string.format('%015d', kept), ARGV[3] + kept)
return 'held'
