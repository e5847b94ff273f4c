-- Makes the address vacant again, if the hold still stands.
-- ARGV: token.

local entry = held(KEYS[1], ARGV[1])
if entry then
    tell(KEYS[1], entry)
    redis.call('DEL', KEYS[1])
end
return 'released'
