-- Every script begins with this; claims and completions try before it what is usual, which needs
-- nothing of it. One key holds one entry, as a string:
--
--   1       state: C claimed, D done (completed), A abandoned
--   2       1 if somebody on another node waits for a claim to end, else 0
--   3-18    the fencing token of the claim
--   19-50   the fingerprint of the request
--   51-60   attempt, in digits
--   61-75   span, in digits: for how many milliseconds the entry is kept after its lease, or its
--           replay, has ended
--   76-     the record, where there is one
--   then    the label of the claim, which tells its endpoint, and its length in bytes, as one byte
--
-- A key's expiry is the only clock, so all times are the server's: what is left of the key's time,
-- less the span, is what is left of the lease or of the replay. An entry comes ready from the
-- caller, since making one here would take longer than all the rest.
--
-- An answer is one string, the quickest for a client to read: a word, a number where one belongs to
-- it, and after a new line an entry. What is replayed most is quicker without a string to be put
-- together: what is left of its time, and the entry.
--
-- Claims and completions are many in one script, each with a key of its own, since a script by
-- itself costs as much as what it does. Each is answered for itself, whatever becomes of the
-- others; a single answer is that of each. All others are one, and their key is KEYS[1].

local HEADER_LENGTH = 75
local sub = string.sub

local function span_of(entry) return tonumber(sub(entry, 61, 75)) end

-- The label, with its length behind it: a completion leaves it as it is, where it does not have to
-- be looked for.
local function tail_of(entry) return sub(entry, -1 - string.byte(entry, -1)) end

local function record_of(entry) return sub(entry, HEADER_LENGTH + 1, -2 - string.byte(entry, -1)) end

-- Writes an entry anew that is there, also where memory is full: what became of a request that was
-- let in is worth more than the limit. A script that has written something may go on writing, and
-- setting an expiry is a write that is always allowed. Refused for any other reason, it fails, and
-- nothing has been done.
local function rewrite(key, entry, keep)
    local refused = redis.pcall('SET', key, entry, 'PX', keep).err
    if not refused then return end
    if string.find(refused, 'OOM', 1, true) then redis.call('PEXPIRE', key, keep) end
    redis.call('SET', key, entry, 'PX', keep)
end

-- The entry at a key, and for how long it is kept. Nothing where the address is vacant.
local function read(key)
    local entry, kept = redis.call('GET', key), redis.call('PTTL', key)
    if entry and kept ~= 0 then return entry, kept end
end

-- An entry that is damaged, or that a newer release has written. It is answered with an error, and
-- no hold on it stands.
local UNREADABLE = {err = 'UNREADABLE an entry is damaged, or a newer release has written it'}

local function is_readable(entry, kept)
    return #entry > HEADER_LENGTH and #entry > HEADER_LENGTH + string.byte(entry, -1) and kept > 0
        and string.find(entry, '^[CDA][01]') and string.find(sub(entry, 51, 75), '^%d+$')
end

local function claimed_with(entry, token)
    return sub(entry, 1, 1) == 'C' and sub(entry, 3, 18) == token
end

-- The entry of a hold that stands.
local function held(key, token)
    local entry, kept = read(key)
    if entry and is_readable(entry, kept) and claimed_with(entry, token) then return entry end
end

-- Tells those who wait on other nodes that the claim has ended. Who may not publish may still
-- complete: waiters look by themselves.
local function tell(key, entry)
    if sub(entry, 2, 2) == '1' then
        local prefix = string.match(key, '^(.*):')
        redis.pcall('PUBLISH', prefix .. ':changed', key)
    end
end

-- What `decide` answers for each of these places. One that fails is answered with its error, and
-- the others as if it were not there.
local function answer_each(places, answers, decide)
    for _, place in ipairs(places) do
        local is_decided, answer = pcall(decide, place)
        if not is_decided and type(answer) ~= 'table' then answer = {err = tostring(answer)} end
        answers[place] = answer
    end
    return answers
end
