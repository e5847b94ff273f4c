-- Tries each command that the store needs on a key that is not there, in a way that changes
-- nothing, and gives the names of those that the user may not run.

local key, missing = KEYS[1], {}
local tries = {
    {'GET', key},
    {'GETRANGE', key, 0, 0},
    {'PTTL', key},
    {'SET', key, '', 'XX', 'PX', 1},
    {'PEXPIRE', key, 1},
    {'DEL', key},
}

-- A server before Redis 7.2 gives no code of its own to what a script may not do.
local function is_refusal(reply)
    local said = type(reply) == 'table' and reply.err
    return said and (string.find(said, 'NOPERM', 1, true) or string.find(said, "executing the script can't", 1, true))
end

for _, try in ipairs(tries) do
    if is_refusal(redis.pcall(unpack(try))) then missing[#missing + 1] = try[1] end
end
return missing
