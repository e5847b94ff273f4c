-- Writes each claim whose key is new. Most are, and where all are, that is all: what follows takes as long again to be set up.
-- ARGV: `refuse` or `rerun`; then for each key the entry to write if the claim wins, and for how long it is kept.
--
-- New keys come first: once anything has been rewritten, the server would let them in where memory is full.

-- For each place where no claim was written the entry that there is, or why none was written: an error, or `true` on a server that
-- cannot set and get at once.
local others

for place, key in ipairs(KEYS) do
    local entry = not can_set_and_get
        or redis.pcall('SET', key, ARGV[2 * place], 'NX', 'GET', 'PX', ARGV[2 * place + 1])
    if entry then
        others = others or {}
        others[place] = entry
    end
end
if not others then return 'won 1' end
