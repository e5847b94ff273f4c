-- Writes each claim whose key is new, where the server can set and get in one command (Redis 7).
-- Most are, and where all are, nothing else is done: setting up what follows would take half as
-- long once more.
-- ARGV: `refuse` or `rerun`; then for each key the entry to write if the claim wins, and for how
-- long it is kept.
--
-- New keys come first: once anything has been rewritten, the server would let them in where memory
-- is full.

-- For each place where no claim was written the entry that there is, or why none was written: an
-- error, or `true` on a server that cannot set and get in one command.
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
