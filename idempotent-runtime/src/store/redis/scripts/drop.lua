-- Deletes an entry, unless it is claimed and its lease runs.

local entry = redis.call('GET', KEYS[1])
if not entry then return 'vacant' end
local left = redis.call('PTTL', KEYS[1]) - span_of(entry)
if sub(entry, 1, 1) == 'C' and left > 0 then return 'running ' .. left end
tell(KEYS[1], entry)
redis.call('DEL', KEYS[1])
return 'done'
