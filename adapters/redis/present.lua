-- Announces a presence, or withdraws it. What the entry tells depends on who else announced the key.
-- KEYS: the log, the newest events of all keys, the announcements.
-- ARGV: MAXLEN, the epoch, how many keys there may be, 'here', 'again' or 'gone', the field of the
-- key, the token of the announcement, the number of fields of `here`, these, and then those of `gone`.
-- Begins with announcements.lua.
local here, gone = {}, {}
local count = tonumber(ARGV[7])
for index = 8, 7 + count do here[#here + 1] = ARGV[index] end
for index = 8 + count, #ARGV do gone[#gone + 1] = ARGV[index] end
local packed = redis.call('HGET', KEYS[3], ARGV[5])
local all = packed and cmsgpack.unpack(packed) or {}

local found
for index, one in ipairs(all) do
    if one.token == ARGV[6] then found = index end
end
if ARGV[4] == 'again' and found then return 'UNNEEDED' end
if ARGV[4] == 'gone' and not found then return 'UNNEEDED' end
local was_newest = found == #all
if found then table.remove(all, found) end
local fields
if ARGV[4] ~= 'gone' then
    if not packed and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[3]) then
        return redis.error_reply('TOOMANYKEYS the log has as many presences as it may')
    end
    all[#all + 1] = { token = ARGV[6], here = here, gone = gone }
    fields = here
elseif #all == 0 then
    fields = gone
elseif was_newest then
    -- The event of the announcement before, as an entry of this one.
    fields = all[#all].here
    for index = 1, #fields, 2 do
        for own = 1, #gone, 2 do
            if fields[index] == gone[own] and (gone[own] == 'nonce' or gone[own] == 'at') then
                fields[index + 1] = gone[own + 1]
            end
        end
    end
end
local id = 'UNNEEDED'
if fields then
    id = redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*',
        unpack(fields))
    if not id then return id end
end
keep(ARGV[5], all, fields, id)
return id
