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

-- A server before Redis 7.2 gives no code of its own to what a script may not do, and neither does
-- Valkey.
local function is_refusal(reply)
    local said = type(reply) == 'table' and reply.err
    if not said then return false end
    for _, refusal in ipairs({'NOPERM', "executing the script can't", 'ACL failure in script'}) do
        if string.find(said, refusal, 1, true) then return true end
    end
    return false
end

for _, try in ipairs(tries) do
    if is_refusal(redis.pcall(unpack(try))) then missing[#missing + 1] = try[1] end
end
return missing
