-- Makes the address vacant again, if the hold still stands.
-- ARGV: token.

local entry = redis.call('GET', KEYS[1])
if claimed_with(entry, ARGV[1]) then
    tell(KEYS[1], entry)
    redis.call('DEL', KEYS[1])
end
return 'released'
