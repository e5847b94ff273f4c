-- What is known of an entry: for how long it is kept, and all of it; or nothing of it, where its record
-- is longer than is wanted, which is all that is asked then.
-- ARGV: how many bytes of its record are wanted at most.

local most = HEADER_LENGTH + ARGV[1] + 256
local entry = redis.call('GETRANGE', KEYS[1], 0, most)
local kept = redis.call('PTTL', KEYS[1])
if entry == '' and kept == -2 or kept == 0 then return 'vacant' end
if #entry > most then return 'longer' end
if not is_readable(entry, kept) then return UNREADABLE end
return 'found ' .. kept .. '\n' .. entry
