-- What is known of an entry: for how long it is kept, and its beginning.
-- ARGV: how many bytes of its record are wanted at most.

local entry = redis.call('GETRANGE', KEYS[1], 0, HEADER_LENGTH + ARGV[1] - 1)
local kept = redis.call('PTTL', KEYS[1])
if entry == '' and kept == -2 or kept == 0 then return 'vacant' end
if not is_readable(entry, kept) then return UNREADABLE end
return 'found ' .. kept .. '\n' .. entry
