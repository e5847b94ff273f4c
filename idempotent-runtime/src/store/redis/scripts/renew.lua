-- Lets the lease run from now, if the hold still stands.
-- ARGV: token, lease.

local entry = redis.call('GET', KEYS[1])
if not claimed_with(entry, ARGV[1]) then return 'fenced' end
rewrite(KEYS[1], entry, ARGV[2] + span_of(entry))
return 'renewed'
