-- Lets the lease run from now, if the hold still stands.
-- ARGV: token, lease.

local entry = held(KEYS[1], ARGV[1])
if not entry then return 'fenced' end
rewrite(KEYS[1], entry, ARGV[2] + span_of(entry))
return 'renewed'
