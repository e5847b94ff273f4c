-- Deletes an entry, unless it is claimed and its lease runs.

local entry, kept = read(KEYS[1])
if not entry then return 'vacant' end
if is_readable(entry, kept) and sub(entry, 1, 1) == 'C' and kept > span_of(entry) then
    return 'running ' .. kept - span_of(entry)
end
tell(KEYS[1], entry)
redis.call('DEL', KEYS[1])
return 'done'
